// Trains a text model on a verse, saves it, loads it and generates text. With the name of a file it loads that model
// instead: a model that was trained in Python or Swift generates the same text here from the same seed.
//
//     text [model.safetensors [prompt]]

#include <recurrent.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 300, T = 25, B = 2, CHARACTERS = 120 };

static const char verse[] =
    "tyger tyger, burning bright,\nin the forests of the night;\nwhat immortal hand or eye,\n"
    "could frame thy fearful symmetry?\n";

static void check(recurrent_status status) {
  if (status == RECURRENT_OK) return;
  fprintf(stderr, "recurrent: %s (status %" PRId32 ")\n", recurrent_last_error(), status);
  exit(1);
}

static recurrent_text_model load(const char *path) {
  recurrent_text_model model;
  check(recurrent_text_model_load(path, (int64_t)strlen(path), &model));
  return model;
}

// Returns the mean of -ln p of each token but the first. A program with a user checks for an interrupt between calls.
static double evaluate(recurrent_text_model model, const int64_t *tokens, int64_t count) {
  enum { MAX_STEPS = 100 };
  recurrent_network network;
  int64_t step = 0, state_count;
  double nats = 0;
  check(recurrent_text_model_network(model, &network));
  check(recurrent_network_state_count(network, 1, &state_count));
  void *state = calloc((size_t)state_count, sizeof(float));
  if (!state) exit(1);
  while (step < count - 1) check(recurrent_text_model_evaluate(model, tokens, NULL, count, 1, MAX_STEPS, state, &step, &nats));
  free(state);
  check(recurrent_network_free(network));
  return nats / (double)(count - 1);
}

// Two parallel sequences through the verse, T time steps at a time, with a carried state.
static void train(const char *path) {
  const char settings[] = "{\"cell\": \"lstm\", \"hidden_sizes\": [32]}", adam[] = "{\"name\": \"adam\"}";
  const char *const texts[] = {verse};
  const int64_t lengths[] = {sizeof verse - 1};
  int64_t tokens[sizeof verse], count;
  recurrent_random random;
  recurrent_text_model model;
  recurrent_optimizer optimizer;
  check(recurrent_random_create(1, &random));
  check(recurrent_text_model_create(settings, sizeof settings - 1, texts, lengths, 1, random, &model));
  check(recurrent_optimizer_create(adam, sizeof adam - 1, &optimizer));
  check(recurrent_text_model_set_optimizer(model, optimizer));
  check(recurrent_text_model_encode(model, verse, lengths[0], RECURRENT_ERRORS_STRICT, 0, tokens, sizeof verse, &count));

  for (int step = 0; step < STEPS; step++) {
    int64_t input[T * B], target[T * B];
    for (int t = 0; t < T; t++)
      for (int b = 0; b < B; b++) {
        int64_t at = (step * T + t + b * count / B) % count;
        input[t * B + b] = tokens[at];
        target[t * B + b] = tokens[(at + 1) % count];
      }
    check(recurrent_text_model_train_step(model, input, target, T, B, NULL, 0, 0, 0.01, 0, 5, NULL));
  }
  printf("%d steps, %.1f nats per character\n", STEPS, evaluate(model, tokens, count));
  // 1: a file of an earlier run is replaced.
  check(recurrent_text_model_save(model, path, (int64_t)strlen(path), 1, 0));
  check(recurrent_optimizer_free(optimizer));
  check(recurrent_text_model_free(model));
  check(recurrent_random_free(random));
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "text.safetensors", *prompt = argc > 2 ? argv[2] : "";
  char settings[80], text[4 * (CHARACTERS + 64)];
  recurrent_random random;
  recurrent_generator generator;
  int64_t length;
  int32_t has_ended = 0;
  snprintf(settings, sizeof settings, "{\"temperature\": 0.8, \"max_tokens\": %d}", CHARACTERS);
  if (argc <= 1) train(path);
  recurrent_text_model model = load(path);
  check(recurrent_random_create(7, &random));
  check(recurrent_generator_create_text(model, settings, (int64_t)strlen(settings), prompt, (int64_t)strlen(prompt),
                                        random, &generator));
  printf("%s", prompt);
  while (!has_ended) {
    check(recurrent_generator_next_text(generator, 10, text, sizeof text, &length, &has_ended));
    printf("%.*s", (int)length, text);
  }
  printf("\n");
  check(recurrent_generator_free(generator));
  check(recurrent_random_free(random));
  check(recurrent_text_model_free(model));
  return recurrent_object_count() == 0 ? 0 : 1;
}
