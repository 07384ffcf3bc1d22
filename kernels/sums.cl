/* The sums of an epoch: each group of a kernel adds to a slot of its own, and the reader adds the slots in
 * order. So groups need not wait for each other, and the bits are always the same.
 *
 * A slot: {loss high, loss low, correct rows in units, correct rows in 4096 units}. The loss is an
 * unevaluated sum of two floats, so that an epoch of any length loses nothing. */
#define SLOT 4

/* Knuth's TwoSum: the low part gets what the addition to the high part loses, unless that is infinite. */
void add_to_sums(const float loss, const float correct, __global float *slot)
{
    const float high = slot[0], total = high + loss, back = total - high;
    slot[0] = total;
    const float lost = (high - (total - back)) + (loss - back);
    slot[1] += isinf(total) ? 0.0f : lost;
    const float units = slot[2] + correct;
    const float carry = floor(units / 4096.0f);
    slot[2] = units - carry * 4096.0f;
    slot[3] += carry;
}
