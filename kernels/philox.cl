/* Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011), the same
 * numbers as src/base/philox.c. WORDS is uint or a vector of it; each lane is a block of its own. */
#ifndef WORDS
#define WORDS uint
#endif

/* Ten rounds on counter c under one key for all lanes; the block replaces the counter. */
void philox4x32_10(WORDS c[4], uint2 key)
{
    for (int round = 0; round < 10; round++) {
        const WORDS high0 = mul_hi(c[0], (WORDS)(0xD2511F53u)), low0 = c[0] * 0xD2511F53u;
        const WORDS high2 = mul_hi(c[2], (WORDS)(0xCD9E8D57u)), low2 = c[2] * 0xCD9E8D57u;
        c[0] = high2 ^ c[1] ^ key.x;
        c[1] = low2;
        c[2] = high0 ^ c[3] ^ key.y;
        c[3] = low0;
        key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
}
