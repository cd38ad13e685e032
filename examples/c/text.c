// A text model: learns a verse, is saved, loaded again, and goes on writing. With a file's name it loads that one instead
// and writes from it: a model that was trained in Python or Swift writes the same text here for the same seed.
//
//     text [model.safetensors [prime]]

#include <recurrent.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 300, T = 25, B = 2, LETTERS = 120 };

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

// Two streams through the verse, a chunk a step, their state carried on.
static void learn(const char *path) {
  const int64_t hidden[] = {32};
  const char settings[] = "{\"rule\": \"adam\"}";
  int64_t tokens[sizeof verse], count;
  recurrent_random random;
  recurrent_text_model model;
  recurrent_solver solver;
  check(recurrent_random_create(1, &random));
  check(recurrent_text_model_create(verse, sizeof verse - 1, RECURRENT_CHARACTERS, RECURRENT_LSTM, RECURRENT_FLOAT32,
                                    hidden, 1, 0, 0, 0.0, random, &model));
  check(recurrent_solver_create_from(settings, sizeof settings - 1, &solver));
  check(recurrent_text_model_set_solver(model, solver));
  check(recurrent_text_model_encode(model, verse, sizeof verse - 1, RECURRENT_REFUSE, 0, tokens, sizeof verse, &count));

  double nats;
  for (int step = 0; step < STEPS; step++) {
    int64_t input[T * B], target[T * B];
    for (int t = 0; t < T; t++)
      for (int b = 0; b < B; b++) {
        int64_t at = (step * T + t + b * count / B) % count;
        input[t * B + b] = tokens[at];
        target[t * B + b] = tokens[(at + 1) % count];
      }
    check(recurrent_text_model_train_step(model, input, target, T, B, 0.01, 0, 5, NULL));
  }
  check(recurrent_text_model_evaluate(model, tokens, count, 1, &nats));
  printf("%d steps, %.1f nats per character\n", STEPS, nats);
  check(recurrent_text_model_save(model, path, (int64_t)strlen(path)));
  check(recurrent_solver_free(solver));
  check(recurrent_text_model_free(model));
  check(recurrent_random_free(random));
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "text.safetensors", *prime = argc > 2 ? argv[2] : "";
  const recurrent_sampler sampler = {0.8, 0, 1, 0, 1, 0};
  recurrent_random random;
  char text[4 * LETTERS];
  int64_t length;
  if (argc <= 1) learn(path);
  recurrent_text_model model = load(path);
  check(recurrent_random_create(7, &random));
  check(recurrent_text_model_sample(model, prime, (int64_t)strlen(prime), LETTERS, &sampler, NULL, NULL, 0, random, text,
                                    sizeof text, &length));
  printf("%s%.*s\n", prime, (int)length, text);
  check(recurrent_random_free(random));
  check(recurrent_text_model_free(model));
  return 0;
}
