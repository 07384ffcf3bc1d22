#include "train/rule.h"

#include <stdio.h>

/* The setting has the name of one of them. */
static enum rule rule_set(const struct clm_settings *settings)
{
    return rule_named(clm_settings_text(settings, "optimizer"));
}

static double number_or(const struct clm_settings *settings, const char *name, double otherwise)
{
    return clm_settings_is_set(settings, name) ? clm_settings_number(settings, name) : otherwise;
}

struct step rule_step(const struct clm_settings *settings)
{
    const struct rule_about *const about = &rules[rule_set(settings)];
    struct step step = step_of(rule_set(settings), clm_settings_number(settings, "lr"),
                               about->is_linear ? clm_settings_number(settings, "momentum") : 0,
                               clm_settings_number(settings, "l2"));
    if (about->rate > 0)
        step.learning_rate = number_or(settings, "lr", about->rate);
    step.l1 = clm_settings_number(settings, "l1");
    step.weight_decay = number_or(settings, "weight-decay", about->weight_decay);
    step.beta1 = number_or(settings, "beta1", about->beta1);
    step.beta2 = number_or(settings, "beta2", about->beta2);
    step.epsilon = number_or(settings, "epsilon", about->epsilon);
    return step;
}

static clm_status refuse_foreign(const struct clm_settings *settings, const char *name, bool has,
                                 const char *others, struct clm_error *error)
{
    char both[32];
    if (has || !clm_settings_is_set(settings, name) || clm_settings_number(settings, name) == 0)
        return CLM_OK;
    snprintf(both, sizeof both, "%s optimizer", name);
    return clm_fail_setting(error, CLM_ERROR_ARGUMENT, both,
                            "%s %s is no number of %s; leave it out, or take %s", name,
                            clm_settings_text(settings, name), rules[rule_set(settings)].name, others);
}

clm_status rule_check(const struct clm_settings *settings, struct clm_error *error)
{
    const struct rule_about *const about = &rules[rule_set(settings)];
    clm_status status;
    if ((status = refuse_foreign(settings, "momentum", about->is_linear, "sgd or nesterov", error)) ||
        (status = refuse_foreign(settings, "beta1", about->beta1 > 0, "adam, adamw, nadam or lion", error)) ||
        (status = refuse_foreign(settings, "beta2", about->beta2 > 0, "rmsprop, adam, adamw, nadam or lion",
                                 error)))
        return status;
    return refuse_foreign(settings, "epsilon", about->epsilon > 0, "rmsprop, adam, adamw or nadam", error);
}

static clm_status suit_number(struct clm_settings *settings, const char *name, double value,
                              struct clm_error *error)
{
    char text[32];
    snprintf(text, sizeof text, "%.9g", value);
    return !(value > 0) || clm_settings_is_set(settings, name)
               ? CLM_OK
               : clm_settings_set(settings, name, text, error);
}

clm_status rule_suit(struct clm_settings *settings, struct clm_error *error)
{
    const struct rule_about *const about = &rules[rule_set(settings)];
    clm_status status;
    if ((status = suit_number(settings, "lr", about->rate, error)) ||
        (status = suit_number(settings, "beta1", about->beta1, error)) ||
        (status = suit_number(settings, "beta2", about->beta2, error)) ||
        (status = suit_number(settings, "epsilon", about->epsilon, error)))
        return status;
    return suit_number(settings, "weight-decay", about->weight_decay, error);
}
