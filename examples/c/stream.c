// Trains a text model, streams text of a model that Python, Swift or C has trained, and reads the sentence of an error.
// The folders of other languages in examples have the same program.
//
//     stream model.safetensors [prompt]

#include <recurrent.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(recurrent_status status) {
  if (status == RECURRENT_OK) return;
  fprintf(stderr, "recurrent: %s (status %" PRId32 ")\n", recurrent_last_error(), status);
  exit(1);
}

enum { STEPS = 100, TOKENS = 10, PART = 10 };

static recurrent_text_model train(void) {
  const char *const text = "hello help";
  const char settings[] = "{\"cell\": \"lstm\", \"hidden_sizes\": [20]}", adam[] = "{\"name\": \"adam\"}";
  const int64_t length = (int64_t)strlen(text);
  int64_t tokens[TOKENS], count;
  recurrent_random random;
  recurrent_text_model model;
  recurrent_optimizer optimizer;
  recurrent_step_result result = {0, 0, 0};
  check(recurrent_random_create(7, &random));
  check(recurrent_text_model_create(settings, sizeof settings - 1, &text, &length, 1, random, &model));
  check(recurrent_optimizer_create(adam, sizeof adam - 1, &optimizer));
  check(recurrent_text_model_set_optimizer(model, optimizer));
  check(recurrent_text_model_encode(model, text, length, RECURRENT_ERRORS_STRICT, 0, tokens, TOKENS, &count));
  for (int step = 0; step < STEPS; step++) {
    check(recurrent_text_model_reset_state(model));
    check(recurrent_text_model_train_step(model, tokens, tokens + 1, count - 1, 1, NULL, 0, 0, 0.01, 0, 5, &result));
  }
  printf("loss %.6f\n", result.loss);
  check(recurrent_optimizer_free(optimizer));
  check(recurrent_random_free(random));
  return model;
}

static void stream(const char *path, const char *prompt) {
  const char settings[] = "{\"temperature\": 0.8, \"max_tokens\": 120}";
  char text[4 * (PART + 64)];
  int64_t length;
  int32_t has_ended = 0;
  recurrent_random random;
  recurrent_text_model model;
  recurrent_generator generator;
  check(recurrent_text_model_load(path, (int64_t)strlen(path), &model));
  check(recurrent_random_create(7, &random));
  check(recurrent_generator_create_text(model, settings, sizeof settings - 1, prompt, (int64_t)strlen(prompt), random,
                                        &generator));
  printf("%s", prompt);
  while (!has_ended) {
    check(recurrent_generator_next_characters(generator, PART, text, sizeof text, &length, &has_ended));
    printf("%.*s", (int)length, text);
    fflush(stdout);
  }
  printf("\n");
  check(recurrent_generator_free(generator));
  check(recurrent_random_free(random));
  check(recurrent_text_model_free(model));
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: stream model.safetensors [prompt]\n");
    return 2;
  }
  const recurrent_text_model model = train();
  stream(argv[1], argc > 2 ? argv[2] : "");

  int64_t tokens[TOKENS], count;
  const recurrent_status status =
      recurrent_text_model_encode(model, "hexagon", 7, RECURRENT_ERRORS_STRICT, 0, tokens, TOKENS, &count);
  printf("status %" PRId32 ": %s\n", status, recurrent_last_error());
  check(recurrent_text_model_free(model));
  return recurrent_object_count() == 0 ? 0 : 1;
}
