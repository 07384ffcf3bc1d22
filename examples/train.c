/* Trains a net on a data set, keeps it in a file, and says how often it is right about rows it has not seen.
 *
 *   cc train.c $(pkg-config --cflags --libs clmlp) -o train
 *   ./train fashion-mnist model.safetensors
 */
#include <clmlp.h>
#include <stdio.h>
#include <stdlib.h>

/* Each call that can fail returns a status, and puts a sentence that says what to do into the error. */
static struct clm_error error;

static void check(clm_status status)
{
    if (status == CLM_OK)
        return;
    fprintf(stderr, "%s\n", error.message);
    exit(EXIT_FAILURE);
}

static void print_epoch(void *user, const struct clm_epoch *epoch)
{
    (void)user;
    printf("epoch %zu: loss %.4f, %.1f %% right\n", epoch->epoch, epoch->train_loss, 100 * epoch->train_accuracy);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return fprintf(stderr, "usage: train DATA MODEL\n"), 2;

    /* The backend computes: here the OpenCL device that is fastest. CLM_BACKEND_BLAS needs no driver. */
    struct clm_backend *backend;
    check(clm_backend_open(&(struct clm_backend_options){.kind = CLM_BACKEND_OPENCL}, &backend, &error));

    /* Every fifth row is held out, to see afterwards what the net makes of new rows. */
    struct clm_data *data;
    check(clm_data_open(&(struct clm_data_options){.source = argv[1], .validation = 0.2}, &data, &error));

    /* One hidden layer of 64 units stands between the features and the classes. A model has to know whether its inputs
     * are bytes, as pixels are, or floats. */
    const size_t sizes[] = {clm_data_features(data), 64, clm_data_classes(data)};
    struct clm_model *model;
    check(clm_model_create(&(struct clm_model_options){.sizes = sizes, .size_count = 3, .seed = 1, .is_bytes = clm_data_is_bytes(data)},
                           &model, &error));

    const struct clm_train_options options = {
        .epochs = 5, .batch = 32, .learning_rate = 0.1, .momentum = 0.9, .shuffle = true, .on_epoch = print_epoch};
    check(clm_train(backend, model, data, &options, NULL, &error));
    check(clm_model_save(model, argv[2], &error));
    clm_model_free(model);

    /* A model file is all that a prediction needs beside the data. NULL: no probabilities, only the score. */
    struct clm_score score;
    check(clm_model_load(argv[2], &model, &error));
    check(clm_predict(backend, model, data, CLM_VALIDATION, NULL, &score, &error));
    printf("right about %.1f %% of %zu new rows\n", 100 * score.accuracy, score.rows);

    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(backend);
    return EXIT_SUCCESS;
}
