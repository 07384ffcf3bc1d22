/* Seconds of a clock that only goes forward. */
#ifndef CLM_BASE_CLOCK_H
#define CLM_BASE_CLOCK_H

double clock_seconds(void);

#endif
