#include "nn/schedule.h"

#include <math.h>

double schedule_rate(enum clm_schedule schedule, double rate, size_t epoch, size_t epochs)
{
    const double pi = 3.14159265358979323846, done = (double)(epoch - 1) / (double)epochs;
    switch (schedule) {
    case CLM_SCHEDULE_CONSTANT:
        break;
    case CLM_SCHEDULE_COOLDOWN:
        return epoch > epochs - epochs / 10 ? rate / 10 : rate;
    case CLM_SCHEDULE_LINEAR:
        return rate * (1 - done);
    case CLM_SCHEDULE_COSINE:
        return rate * (1 + cos(pi * done)) / 2;
    }
    return rate;
}
