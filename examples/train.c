/* Trains a net on a data set, keeps it in a file, and says how often it is right about rows it has not seen.
 *
 *   cc train.c $(pkg-config --cflags --libs clmlp) -o train && ./train fashion-mnist model.safetensors */
#include <clmlp.h>
#include <stdio.h>
#include <stdlib.h>

static struct clm_error error;

/* A call that fails returns a status and puts a sentence into the error: what happened, and what to do. */
static void check(clm_status status)
{
    if (status != CLM_OK)
        exit((fprintf(stderr, "%s\n", error.message), EXIT_FAILURE));
}

static void print_epoch(void *user, const struct clm_epoch *epoch)
{
    (void)user;
    printf("epoch %zu: loss %.4f, %.1f %% right\n", epoch->epoch, epoch->train_loss,
           100 * epoch->train_accuracy);
}

int main(int argc, char **argv)
{
    struct clm_backend *backend;
    struct clm_data *data;
    struct clm_model *model;
    struct clm_settings *settings;
    struct clm_score score;
    if (argc != 3)
        return fprintf(stderr, "usage: train DATA MODEL\n"), EXIT_FAILURE;

    /* The backend computes, here on a GPU or else a CPU. A fifth of the rows is held out for the end. */
    const struct clm_backend_options device = {.kind = CLM_BACKEND_OPENCL, .device = "auto"};
    const struct clm_data_options source = {.source = argv[1], .validation = 0.2};
    check(clm_backend_open(&device, &backend, &error));
    check(clm_data_open(&source, &data, &error));

    /* Features, a hidden layer of 64 units, classes. Bytes (pixels) are divided by 255, floats are not. */
    const size_t sizes[] = {clm_data_features(data), 64, clm_data_classes(data)};
    const struct clm_model_options net = {
        .sizes = sizes, .size_count = 3, .seed = 1, .is_bytes = clm_data_is_bytes(data)};
    check(clm_model_create(&net, &model, &error));

    /* Settings have the names and the values of the options of `clmlp train`. The rest keeps its default. */
    const struct clm_train_hooks hooks = {.on_epoch = print_epoch};
    check(clm_settings_create("train", &settings, &error));
    check(clm_settings_set(settings, "epochs", "5", &error));
    check(clm_settings_set(settings, "batch", "32", &error));
    check(clm_train(backend, model, data, settings, &hooks, NULL, &error));
    check(clm_model_save(model, argv[2], &error));
    clm_model_free(model);

    /* A prediction needs the file and data. Here it gives the score alone: NULL stands for probabilities. */
    check(clm_model_load(argv[2], &model, &error));
    check(clm_predict(backend, model, data, CLM_VALIDATION, NULL, &score, &error));
    printf("right about %.1f %% of %zu new rows\n", 100 * score.accuracy, score.rows);
    clm_settings_free(settings);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(backend);
    return EXIT_SUCCESS;
}
