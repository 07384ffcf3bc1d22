/* A program whose own functions have names from inside the library. It trains, so that the library calls its
 * functions of these names; then the program calls its own. */
#include <clmlp.h>
#include <stdio.h>
#include <stdlib.h>

static int calls;

int softmax(void);
int gather(void);
int update(void);
int tensor_create(void);

int softmax(void)
{
    return calls++;
}

int gather(void)
{
    return calls++;
}

int update(void)
{
    return calls++;
}

int tensor_create(void)
{
    return calls++;
}

static void train(struct clm_error *error)
{
    const struct clm_backend_options backend_options = {.kind = CLM_BACKEND_REFERENCE};
    const struct clm_data_options data_options = {.source = "made"};
    const size_t sizes[] = {3072, 10};
    const struct clm_model_options model_options = {.sizes = sizes, .size_count = 2, .is_bytes = true};
    struct clm_train_result result;
    struct clm_score score;
    struct clm_backend *backend = NULL;
    struct clm_data *data = NULL;
    struct clm_model *model = NULL;
    struct clm_settings *settings = NULL;
    if (!clm_data_make("made", 10, 1, true, error) && !clm_backend_open(&backend_options, &backend, error) &&
        !clm_data_open(&data_options, &data, error) && !clm_model_create(&model_options, &model, error) &&
        !clm_settings_create("train", &settings, error) &&
        !clm_settings_set(settings, "epochs", "1", error) &&
        !clm_settings_set(settings, "batch", "10", error) &&
        !clm_train(backend, model, data, settings, NULL, &result, error) &&
        !clm_predict(backend, model, data, CLM_TRAIN, NULL, &score, error))
        printf("trained on %zu rows\n", score.rows);
    clm_settings_free(settings);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(backend);
}

int main(void)
{
    struct clm_error error = {0};
    train(&error);
    if (error.status != CLM_OK)
        return fprintf(stderr, "%s\n", error.message), EXIT_FAILURE;
    if (calls != 0)
        return fprintf(stderr, "the library called %d functions of the program\n", calls), EXIT_FAILURE;
    return softmax() + gather() + update() + tensor_create() == 0 + 1 + 2 + 3 ? EXIT_SUCCESS : EXIT_FAILURE;
}
