// Reads a network that Python, Swift or C has saved, and runs it: ./network_file FILE prints the bits of its outputs for
// the tokens 0 to 5. Without FILE it trains a network, saves it, loads it, and trains both on to the same losses.

#include <recurrent.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(recurrent_status status) {
  if (status == RECURRENT_OK) return;
  fprintf(stderr, "recurrent: %s (status %" PRId32 ")\n", recurrent_last_error(), status);
  exit(1);
}

enum { TOKENS = 6 };
static const int64_t tokens[TOKENS] = {0, 1, 2, 3, 4, 5}, targets[TOKENS] = {1, 2, 3, 4, 5, 0};

static double train(recurrent_network network, recurrent_optimizer optimizer, int steps) {
  recurrent_step_result result = {0, 0, 0};
  for (int i = 0; i < steps; i++)
    check(recurrent_network_train_step(network, optimizer, NULL, tokens, targets, NULL, TOKENS, 1, NULL, NULL, NULL, NAN,
                                       0, 5, 0, NULL, &result));
  return result.loss;
}

static int run(const char *path) {
  recurrent_network network;
  double y[TOKENS * TOKENS];
  check(recurrent_network_load(path, (int64_t)strlen(path), &network, NULL, NULL));
  check(recurrent_network_forward_sequence(network, NULL, tokens, TOKENS, 1, NULL, NULL, NULL, 0, y, NULL));
  for (int i = 0; i < TOKENS * TOKENS; i++) {
    uint64_t bits;
    memcpy(&bits, &y[i], sizeof bits);
    printf("%016" PRIx64 "\n", bits);
  }
  check(recurrent_network_free(network));
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) return run(argv[1]);
  const char settings[] =
      "{\"cell\": \"lstm\", \"input_size\": 6, \"hidden_sizes\": [9, 7], \"output_size\": 6, \"dropout\": 0.2}";
  const char adam[] = "{\"name\": \"adam\", \"learning_rate\": 0.02}", path[] = "network.safetensors";
  recurrent_random random;
  recurrent_network network, twin;
  recurrent_optimizer optimizer, state;
  check(recurrent_random_create(3, &random));
  check(recurrent_network_create(settings, sizeof settings - 1, random, &network));
  check(recurrent_optimizer_create(adam, sizeof adam - 1, &optimizer));
  train(network, optimizer, 20);
  check(recurrent_network_save(network, optimizer, 0, path, sizeof path - 1, 1));
  check(recurrent_network_load(path, sizeof path - 1, &twin, &state, NULL));
  double loss = train(network, optimizer, 30), same = train(twin, state, 30);
  printf("loss %.6f, of the network that was loaded %.6f\n", loss, same);
  check(recurrent_network_free(network));
  check(recurrent_network_free(twin));
  check(recurrent_optimizer_free(optimizer));
  check(recurrent_optimizer_free(state));
  check(recurrent_random_free(random));
  return recurrent_object_count() == 0 && loss == same ? 0 : 1;
}
