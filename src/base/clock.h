/* Seconds that pass. */
#ifndef CLM_BASE_CLOCK_H
#define CLM_BASE_CLOCK_H

/* Never less than an earlier answer, in any thread, even if the system's clock goes backward. It may stand
 * still, or move in coarse ticks: a loop that waits for it needs a second way to end. To divide by a
 * difference, use per_second. */
double clock_seconds(void);

/* How many of `count` in a second; 0 if no time was seen to pass, so that nothing is said of it. */
static inline double per_second(double count, double seconds)
{
    return seconds > 0 ? count / seconds : 0;
}

#endif
