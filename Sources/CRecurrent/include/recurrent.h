/*
 * recurrent: small, fast recurrent networks and the expression graphs beneath them.
 *
 * A whole program, without its error checks:
 *
 *     recurrent_random random;
 *     recurrent_sentence_model model;
 *     const char *texts[] = {"hello", "help"};
 *     int64_t lengths[] = {5, 4}, hidden[] = {20};
 *     recurrent_random_create(7, &random);
 *     recurrent_sentence_model_create(texts, lengths, 2, RECURRENT_LSTM, RECURRENT_FLOAT32, hidden, 1, 5, random,
 *                                     &model);
 *     recurrent_tick tick;
 *     for (int i = 0; i < 500; i++)
 *       recurrent_sentence_model_tick(model, texts[i % 2], lengths[i % 2], 0.01, 1e-6, 5, &tick);
 *     char text[4 * 100];
 *     int64_t length;
 *     recurrent_sentence_model_predict(model, 1.0, 100, random, text, sizeof text, &length);
 *
 * Rules that hold everywhere:
 *
 *   Status      Whatever can fail returns a recurrent_status, 0 for success. On failure no output has been written
 *               and nothing has changed; recurrent_last_error() says what was wrong, with the offending value.
 *   Handles     Objects are 64-bit numbers, never addresses. A handle that is 0, freed, forged or of another kind
 *               is answered with a status. One free for every handle that a function returned; freeing 0 is fine.
 *               An object lives on while another one needs it: freeing a Mat that a graph reads is safe.
 *   Memory      A Mat is n rows by d columns, column-major: number (i, j) is w[j * stride + i]. Pointers to its
 *               numbers stay valid, and never move, until its handle is freed.
 *   Threads     Different objects may be used from different threads at once; one object from two threads at once
 *               gets RECURRENT_BUSY. A graph's objects are the graph, its Mats and their operands; a model's are
 *               all its parameters.
 *   Text        UTF-8 as pointer and length in bytes; no terminating zero is needed or written.
 *   Numbers     All settings must be finite. Sizes are checked before anything is computed from them.
 *
 * No function installs a signal handler, changes the locale or the rounding mode, or ends the process.
 */
#ifndef RECURRENT_H
#define RECURRENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ Versions and errors */

/* Raised when a function changes its meaning or goes; functions may be added without. */
#define RECURRENT_ABI_VERSION 1

/* The RECURRENT_ABI_VERSION that the library was built with. */
int32_t recurrent_abi_version(void);

/* The library's version, "0.1.0"; static. */
const char *recurrent_version(void);

typedef int32_t recurrent_status;
enum {
  RECURRENT_OK = 0,
  RECURRENT_NULL_ARGUMENT = 1, /* a pointer or handle that must not be 0 is */
  RECURRENT_BAD_HANDLE = 2,    /* never given out, or freed */
  RECURRENT_WRONG_KIND = 3,    /* a handle of another kind of object */
  RECURRENT_BAD_SHAPE = 4,     /* sizes not positive, too large, or not fitting each other */
  RECURRENT_BAD_TYPE = 5,      /* float32 where float64 was expected, or the reverse */
  RECURRENT_BAD_VALUE = 6,     /* a setting outside its range, text that cannot be used */
  RECURRENT_BAD_INDEX = 7,     /* an index outside its range */
  RECURRENT_NO_MEMORY = 8,
  RECURRENT_IO = 9,            /* recurrent_last_errno() says why */
  RECURRENT_BAD_FORMAT = 10,   /* a file whose contents are not what they should be */
  RECURRENT_NOT_FINITE = 11,   /* a gradient, weight or score that is infinite or NaN */
  RECURRENT_BUSY = 12,         /* in use by another thread */
  RECURRENT_INVALIDATED = 13,        /* the Mat's graph was reset or is gone; or a call out of turn */
  RECURRENT_SHORT_BUFFER = 14  /* the caller's buffer is too small; the message says what is needed */
};

/* What the last failure on this thread was, in a sentence; "" before the first. Never NULL; valid until the next
   failure on this thread. At most 1023 bytes. */
const char *recurrent_last_error(void);

/* The operating system's errno for the last failure on this thread if it was RECURRENT_IO, else 0. */
int32_t recurrent_last_errno(void);

/* How many objects have been created and not freed, in the whole process. For finding leaks. */
int64_t recurrent_object_count(void);

/* ------------------------------------------------------------------ Types */

typedef uint64_t recurrent_random;
typedef uint64_t recurrent_mat;
typedef uint64_t recurrent_graph;
typedef uint64_t recurrent_model;
typedef uint64_t recurrent_solver;
typedef uint64_t recurrent_sentence_model;
typedef uint64_t recurrent_text_model;

typedef int32_t recurrent_dtype;
enum { RECURRENT_FLOAT32 = 0, RECURRENT_FLOAT64 = 1 };

typedef int32_t recurrent_cell;
enum {
  RECURRENT_RNN = 0, /* plain, ReLU: RecurrentJS's */
  RECURRENT_LSTM = 1,
  RECURRENT_RNN_TANH = 2,
  RECURRENT_GRU = 3,       /* resets after the product: PyTorch, cuDNN */
  RECURRENT_GRU_BEFORE = 4 /* resets before the product: the original paper */
};

/* What a sum or mean runs over: everything (1 x 1), the rows of each column (1 x d), the columns of each row (n x 1). */
typedef int32_t recurrent_axis;
enum { RECURRENT_ALL = -1, RECURRENT_ROWS = 0, RECURRENT_COLUMNS = 1 };

typedef int32_t recurrent_reduction;
enum { RECURRENT_MEAN = 0, RECURRENT_SUM = 1 };

/* ------------------------------------------------------------------ Random: Philox4x64-10 */

/* A generator at the start of the sequence that seed names: numpy.random.Philox(key=seed), word for word. */
recurrent_status recurrent_random_create(uint64_t seed, recurrent_random *random);
recurrent_status recurrent_random_free(recurrent_random random);

/* The next count 64-bit words. */
recurrent_status recurrent_random_words(recurrent_random random, uint64_t *words, int64_t count);

/* The next count numbers in [low, high): low + (high - low) * u with u = (word >> 11) * 2^-53. */
recurrent_status recurrent_random_uniform(recurrent_random random, double low, double high, double *numbers,
                                          int64_t count);

/* The next count normal numbers, by Marsaglia's polar method; std at least 0. */
recurrent_status recurrent_random_gaussian(recurrent_random random, double mean, double std, double *numbers,
                                           int64_t count);

/* The whole state, 11 words: key (2), counter (4), the last block (4), how many of it are used (0 to 4). */
recurrent_status recurrent_random_get_state(recurrent_random random, uint64_t state[11]);
recurrent_status recurrent_random_set_state(recurrent_random random, const uint64_t state[11]);

/* ------------------------------------------------------------------ Mat: numbers w and their gradients dw */

/* Zeros, n rows by d columns; at most 2^31 - 1 elements. */
recurrent_status recurrent_mat_create(recurrent_dtype dtype, int64_t n, int64_t d, recurrent_mat *mat);

/* A copy of count = n * d numbers of the given type, column by column. */
recurrent_status recurrent_mat_create_from(recurrent_dtype dtype, int64_t n, int64_t d, const void *w, int64_t count,
                                           recurrent_mat *mat);
recurrent_status recurrent_mat_free(recurrent_mat mat);

/* The rectangle of n x d at (row, column): it shares numbers and gradients with mat, and keeps them alive. */
recurrent_status recurrent_mat_view(recurrent_mat mat, int64_t row, int64_t column, int64_t n, int64_t d,
                                    recurrent_mat *view);

/* The same numbers in memory of their own; gradients zero. */
recurrent_status recurrent_mat_copy(recurrent_mat mat, recurrent_mat *copy);

typedef struct recurrent_mat_info {
  int64_t n, d;
  int64_t stride; /* numbers from one column's start to the next */
  recurrent_dtype dtype;
} recurrent_mat_info;
recurrent_status recurrent_mat_describe(recurrent_mat mat, recurrent_mat_info *info);

/* Where the numbers are: float or double, by the Mat's type. Computes them first if a graph has not yet; and, so that
   writing through the pointer changes nothing recorded earlier, lets a graph that reads this Mat catch up. */
recurrent_status recurrent_mat_w(recurrent_mat mat, void **w);

/* Where the gradients are. */
recurrent_status recurrent_mat_dw(recurrent_mat mat, void **dw);

recurrent_status recurrent_mat_fill(recurrent_mat mat, double value);
recurrent_status recurrent_mat_zero_gradient(recurrent_mat mat);

/* Uniform on [low, high), and normal; column by column. float32 draws as float64 does and rounds. */
recurrent_status recurrent_mat_fill_uniform(recurrent_mat mat, double low, double high, recurrent_random random);
recurrent_status recurrent_mat_fill_gaussian(recurrent_mat mat, double mean, double std, recurrent_random random);

/* ------------------------------------------------------------------ Graph: record, look, walk back */

/* A graph that keeps operations for backward (needs_backprop 1), or computes each at once and keeps nothing (0).
   Recording checks shapes; values are computed when somebody looks: recurrent_mat_w, evaluate, backward. */
recurrent_status recurrent_graph_create(int32_t needs_backprop, recurrent_graph *graph);
recurrent_status recurrent_graph_free(recurrent_graph graph);

/* Forgets what was recorded and keeps the memory. Earlier results answer RECURRENT_INVALIDATED from here on. */
recurrent_status recurrent_graph_reset(recurrent_graph graph);
recurrent_status recurrent_graph_evaluate(recurrent_graph graph);

/* Adds to every operand's dw, from the dw that was set on results. Once per recording. */
recurrent_status recurrent_graph_backward(recurrent_graph graph);

/* Sets the dw of a 1 x 1 result to 1, then as recurrent_graph_backward. */
recurrent_status recurrent_graph_backward_from(recurrent_graph graph, recurrent_mat loss);

/* Operations recorded since the last reset. */
recurrent_status recurrent_graph_count(recurrent_graph graph, int64_t *count);

/* Where numbers of an operation come from or go to. */
typedef struct recurrent_place {
  int64_t operation; /* whose result they are, or are part of; -1 for a Mat from outside */
  int64_t n, d;      /* d is 1 where one column stands for all */
  const void *w;     /* the first of them, until the graph is reset; computed only if somebody has looked */
} recurrent_place;

/* What was recorded as number index, from 0: its name, which is the call's without recurrent_graph_ ("mul",
   "row_pluck", ...; 32 bytes always suffice), where its result lies, and where its count operands do. room is how many
   of those there is place for; too little is RECURRENT_SHORT_BUFFER. */
recurrent_status recurrent_graph_operation(recurrent_graph graph, int64_t index, char *name, int64_t capacity,
                                           int64_t *length, recurrent_place *result, recurrent_place *operands,
                                           int64_t room, int64_t *count);

/* ---- Element by element; the result has m's shape. */
recurrent_status recurrent_graph_tanh(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_sigmoid(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_relu(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_leaky_relu(recurrent_graph graph, recurrent_mat m, double slope, recurrent_mat *out);
recurrent_status recurrent_graph_gelu(recurrent_graph graph, recurrent_mat m, recurrent_mat *out); /* exact form */
recurrent_status recurrent_graph_silu(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_softplus(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_neg(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_scale(recurrent_graph graph, recurrent_mat m, double factor, recurrent_mat *out);
recurrent_status recurrent_graph_exp(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_log(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_sqrt(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_square(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_abs(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);

/* ---- Of two Mats of one shape; or one of them a single column, which then stands beside every column of the other. */
recurrent_status recurrent_graph_add(recurrent_graph graph, recurrent_mat a, recurrent_mat b, recurrent_mat *out);
recurrent_status recurrent_graph_sub(recurrent_graph graph, recurrent_mat a, recurrent_mat b, recurrent_mat *out);
recurrent_status recurrent_graph_eltmul(recurrent_graph graph, recurrent_mat a, recurrent_mat b, recurrent_mat *out);
recurrent_status recurrent_graph_div(recurrent_graph graph, recurrent_mat a, recurrent_mat b, recurrent_mat *out);

/* ---- Products and look-ups. */

/* [n x k] [k x d] -> [n x d] */
recurrent_status recurrent_graph_mul(recurrent_graph graph, recurrent_mat a, recurrent_mat b, recurrent_mat *out);

/* The sum of a * b, element by element: 1 x 1. */
recurrent_status recurrent_graph_dot(recurrent_graph graph, recurrent_mat a, recurrent_mat b, recurrent_mat *out);

/* Rows of m as columns: [d x count]. A row that comes twice collects both gradients. */
recurrent_status recurrent_graph_row_pluck(recurrent_graph graph, recurrent_mat m, const int64_t *rows, int64_t count,
                                           recurrent_mat *out);

/* ---- Shapes. Slices are views: they share w and dw with m and record nothing. */
recurrent_status recurrent_graph_transpose(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_concat_rows(recurrent_graph graph, const recurrent_mat *mats, int64_t count,
                                             recurrent_mat *out);
recurrent_status recurrent_graph_concat_columns(recurrent_graph graph, const recurrent_mat *mats, int64_t count,
                                                recurrent_mat *out);
recurrent_status recurrent_graph_slice_rows(recurrent_graph graph, recurrent_mat m, int64_t start, int64_t count,
                                            recurrent_mat *out);
recurrent_status recurrent_graph_slice_columns(recurrent_graph graph, recurrent_mat m, int64_t start, int64_t count,
                                               recurrent_mat *out);

/* ---- Sums, probabilities, losses. */
recurrent_status recurrent_graph_sum(recurrent_graph graph, recurrent_mat m, recurrent_axis axis, recurrent_mat *out);
recurrent_status recurrent_graph_mean(recurrent_graph graph, recurrent_mat m, recurrent_axis axis, recurrent_mat *out);
recurrent_status recurrent_graph_softmax(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_log_softmax(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);

/* -ln softmax(scores)[target] over the d columns, 1 x 1; targets: d classes in 0 .. n-1. */
recurrent_status recurrent_graph_cross_entropy(recurrent_graph graph, recurrent_mat scores, const int64_t *targets,
                                               int64_t count, recurrent_reduction reduction, recurrent_mat *out);

/* (a - b)^2 over all elements, 1 x 1. */
recurrent_status recurrent_graph_squared_error(recurrent_graph graph, recurrent_mat a, recurrent_mat b,
                                               recurrent_reduction reduction, recurrent_mat *out);

/* ---- Normalization. */

/* Each number 0 with probability rate (0 <= rate < 1), else divided by 1 - rate. */
recurrent_status recurrent_graph_dropout(recurrent_graph graph, recurrent_mat m, double rate, recurrent_random random,
                                         recurrent_mat *out);

/* Each column to mean 0 and variance 1, then times gain plus bias, both [n x 1]; epsilon above 0. */
recurrent_status recurrent_graph_layer_norm(recurrent_graph graph, recurrent_mat m, recurrent_mat gain,
                                            recurrent_mat bias, double epsilon, recurrent_mat *out);

/* ---- One tick of a recurrent layer: x [I x B], h and c [H x B]. */

/* h' = relu(Wx x + Wh h + b);  Wx [H x I], Wh [H x H], b [H x 1] */
recurrent_status recurrent_graph_rnn(recurrent_graph graph, recurrent_mat x, recurrent_mat h, recurrent_mat Wx,
                                     recurrent_mat Wh, recurrent_mat b, recurrent_mat *next_h);

/* c' = f c + i g,  h' = o tanh c'  with gates i, f, o by the logistic function and g by tanh of Wx x + Wh h + b;
   the gates' rows are stacked in the order i, f, o, g:  Wx [4H x I], Wh [4H x H], b [4H x 1] */
recurrent_status recurrent_graph_lstm(recurrent_graph graph, recurrent_mat x, recurrent_mat h, recurrent_mat c,
                                      recurrent_mat Wx, recurrent_mat Wh, recurrent_mat b, recurrent_mat *next_h,
                                      recurrent_mat *next_c);

/* ------------------------------------------------------------------ Choosing */

/* softmax of each column as a Mat of its own; no graph, no gradient. */
recurrent_status recurrent_softmax(recurrent_mat m, recurrent_mat *out);

/* The place of the largest of count numbers, the first of equals. A NaN is refused. */
recurrent_status recurrent_argmax(recurrent_dtype dtype, const void *w, int64_t count, int64_t *index);

/* A place drawn in proportion to count numbers of at least 0, not all 0. */
recurrent_status recurrent_sample(recurrent_dtype dtype, const void *p, int64_t count, recurrent_random random,
                                  int64_t *index);

/* How a token is chosen from scores. First tokens that were seen lately are penalized, then scores are divided by the
   temperature; of the probabilities that they make, top_k, top_p and min_p each cut what the one before has left. */
typedef struct recurrent_sampler {
  double temperature;        /* above 0; 1 leaves the scores as they are */
  int64_t top_k;             /* keep so many of the likeliest, of equals the first; 0 keeps all */
  double top_p;              /* keep the likeliest until their share reaches this, above 0; 1 keeps all */
  double min_p;              /* keep what is at least so likely, measured by the likeliest, 0 to 1; 0 keeps all */
  double repetition_penalty; /* a seen token's score is divided by it where above 0, else multiplied; 1 for none */
  int64_t repetition_window; /* how many of the latest tokens count as seen, at least 0 */
} recurrent_sampler;

/* p receives the probabilities, summing to 1, with which a sampler draws one of count scores; both of dtype.
   sampler may be NULL: their softmax. history: histories tokens 0 .. count-1 that were seen, the latest last. */
recurrent_status recurrent_probabilities(recurrent_dtype dtype, const void *scores, int64_t count,
                                         const recurrent_sampler *sampler, const int64_t *history, int64_t histories,
                                         void *p);

/* ------------------------------------------------------------------ Model: recurrent layers and a decoder */

/* Layers of hidden_sizes[0 .. layers-1], lowest first.
   embedding    0: the input is numbers, input_size rows of them, or tokens that each stand for a column of zeros with
                a 1. Else tokens 0 .. input_size-1, each looked up in a table Wil of input_size rows by embedding
                columns.
   output_size  0: the top layer's output comes out. Else Whd h + bd, output_size rows.
   Parameters are called as in RecurrentJS: Wil, then Wix0 Wih0 bi0 Wfx0 ... bc0 Wix1 ... (LSTM), Wxh0 Whh0 bhh0 ...
   (RNN), Wrx0 Wrh0 br0 Wzx0 ... bn0 bnh0 ... (GRU; bnh only where it resets after), then Whd bd.
   Matrices start uniform on +-0.08, drawn in this order, biases at 0. */
recurrent_status recurrent_model_create(recurrent_cell cell, recurrent_dtype dtype, int64_t input_size,
                                        int64_t embedding, const int64_t *hidden_sizes, int64_t layers,
                                        int64_t output_size, recurrent_random random, recurrent_model *model);
recurrent_status recurrent_model_free(recurrent_model model);

/* As above with the decoder tied to the embedding: scores of the tokens Wil h + bd, and no Whd. The embedding is as
   wide as the top layer. */
recurrent_status recurrent_model_create_tied(recurrent_cell cell, recurrent_dtype dtype, int64_t input_size,
                                             const int64_t *hidden_sizes, int64_t layers, recurrent_random random,
                                             recurrent_model *model);

/* From now on recurrent_model_train_step drops each number of every layer's output but the top one's, on its way to the next layer,
   with probability rate (0 <= rate < 1), and divides the others by 1 - rate. random draws a number for each, in order,
   at each step; the model keeps it. Nothing else drops. rate 0 ends it, and random may then be 0. */
recurrent_status recurrent_model_set_dropout(recurrent_model model, double rate, recurrent_random random);

/* A parameter by name: a view of the model's memory. */
recurrent_status recurrent_model_parameter(recurrent_model model, const char *name, int64_t length, recurrent_mat *mat);

/* How many parameters have names; and the name of one, in creation order. capacity: 32 bytes always suffice. */
recurrent_status recurrent_model_parameter_count(recurrent_model model, int64_t *count);
recurrent_status recurrent_model_parameter_name(recurrent_model model, int64_t index, char *name, int64_t capacity,
                                                int64_t *length);

/* All weights as one column, gradients beside them: for solvers, averaging, optimizers. */
recurrent_status recurrent_model_flat(recurrent_model model, recurrent_mat *flat);

/* One tick: x [input_size x B] and what the tick before returned.
   h, c            layers handles each; NULL opens a sequence with zeros. c is NULL for an RNN.
   next_h, next_c  receive layers handles each, to be freed; next_c is NULL for an RNN.
   out             receives the scores [output_size x B]. */
recurrent_status recurrent_model_forward(recurrent_model model, recurrent_graph graph, recurrent_mat x,
                                         const recurrent_mat *h, const recurrent_mat *c, recurrent_mat *next_h,
                                         recurrent_mat *next_c, recurrent_mat *out);

/* ------------------------------------------------------------------ Model: sequences in your memory

   T steps of B sequences side by side, time-major: number i of step t of sequence b is x[(t * B + b) * rows + i], as
   in a C-contiguous array (T, B, rows). All numbers are of the model's type.

   x, tokens    what comes in: x [T * B * input_size], for a model without embedding, or tokens [T * B]; the other one
                is NULL.
   state        recurrent_model_state_count numbers: h of every layer, lowest first, each [B * H] with sequence b's H
                numbers together; then for an LSTM c of every layer likewise. NULL stands for zeros.
   lengths      [B] valid steps of each sequence, 0 .. T; NULL for T. Later steps count for nothing: outputs are 0, and
                the final state is that of the last valid step. */

/* The numbers in a state of so many sequences. */
recurrent_status recurrent_model_state_count(recurrent_model model, int64_t columns, int64_t *count);

/* y receives [T * B * rows] outputs, rows being output_size or the top layer's width; final_state may be NULL, or state
   itself. */
recurrent_status recurrent_model_forward_sequence(recurrent_model model, const void *x, const int64_t *tokens,
                                                  int64_t T, int64_t B, const void *state, const int64_t *lengths,
                                                  void *y, void *final_state);

/* Walks the last forward_sequence back, once: adds to the parameters' gradients.
   dy [as y];  dfinal [as state], or NULL for zeros;  dx receives [as x] and dstate [as state], either may be NULL. */
recurrent_status recurrent_model_backward_sequence(recurrent_model model, const void *dy, const void *dfinal, void *dx,
                                                   void *dstate);

/* What one place of one layer did in the last forward_sequence, until that is walked back.
   name    a letter and a layer's number, lowest 0: h output, c cell; gates i f o and candidate g of an LSTM, gates r z
           and candidate n of a GRU; "f1" is the second layer's forget gate
   values  receives [T * B * H], H being the layer's width; 0 beyond each sequence's end */
recurrent_status recurrent_model_tap(recurrent_model model, const char *name, int64_t length, void *values);

typedef struct recurrent_train_result {
  double loss; /* the mean over all valid steps, before the update */
  double ratio_clipped, gradient_norm;
} recurrent_train_result;

/* Forward, loss, backward, clipping and the solver's step in one call.
   classes      [T * B] targets 0 .. rows-1, -1 for none: mean cross-entropy; or NULL and
   numbers      [T * B * rows]: mean squared error.
   step_size, regc, clipval   as for recurrent_solver_step
   An infinite or NaN gradient is refused by name and the weights are as before. result may be NULL. */
recurrent_status recurrent_model_train_step(recurrent_model model, recurrent_solver solver, const void *x,
                                            const int64_t *tokens, const int64_t *classes, const void *numbers,
                                            int64_t T, int64_t B, const void *state, const int64_t *lengths,
                                            double step_size, double regc, double clipval, void *final_state,
                                            recurrent_train_result *result);

/* The mean loss of a sequence, as train_step's, from which nothing is learned. An infinite or NaN one is refused. */
recurrent_status recurrent_model_loss(recurrent_model model, const void *x, const int64_t *tokens,
                                      const int64_t *classes, const void *numbers, int64_t T, int64_t B,
                                      const void *state, const int64_t *lengths, void *final_state, double *loss);

/* One tick of one sequence, without a graph and without allocating.
   token        for a model with embedding; for one without x [input_size], or NULL and a token
   state        [recurrent_model_state_count(1)], read and overwritten; zeros open a sequence
   y            receives [rows]; NULL skips the decoder */
recurrent_status recurrent_model_tick(recurrent_model model, int64_t token, const void *x, void *state, void *y);

/* Reads prime [primes, at least 1], then writes count tokens, each drawn from the scores and read in turn; with random
   0 the likeliest each time. state as for tick. For models whose outputs score their own tokens. */
recurrent_status recurrent_model_generate(recurrent_model model, const int64_t *prime, int64_t primes, int64_t count,
                                          double temperature, void *state, recurrent_random random, int64_t *tokens);

/* As recurrent_model_generate, with all settings, in parts, and with an end.
   sampler            NULL for the softmax of the scores
   history            [histories] tokens read before this call, for the repetition penalty
   end                a token that ends the text and is not written; -1 for none
   tokens             receives at most count tokens
   log_probabilities  [count] receives ln p of each by the softmax of the model's own scores; may be NULL
   written            receives how many tokens were written
   The last token written has not been read: to go on, pass it as prime with the state that came back. A text written in
   parts is the same as one written at once. */
recurrent_status recurrent_model_sample(recurrent_model model, const recurrent_sampler *sampler, const int64_t *history,
                                        int64_t histories, const int64_t *prime, int64_t primes, int64_t count,
                                        int64_t end, void *state, recurrent_random random, int64_t *tokens,
                                        double *log_probabilities, int64_t *written);

/* The likeliest texts after prime, as far as a search that keeps 1 to 4096 beams at each step finds them: the likeliest
   first, each of count tokens, or fewer where end ends it. state for tick, NULL for zeros; it stays as it is.
   tokens             [beams * count]: text i at tokens[i * count], then -1 where it is shorter
   lengths            [beams] how many tokens each has
   log_probabilities  [beams] the sums of ln p over each text's tokens and its end
   found              receives the number of texts, at most beams */
recurrent_status recurrent_model_beam_search(recurrent_model model, const int64_t *prime, int64_t primes, int64_t count,
                                             int64_t beams, int64_t end, const void *state, int64_t *tokens,
                                             int64_t *lengths, double *log_probabilities, int64_t *found);

/* ------------------------------------------------------------------ Threads */

/* How many threads large operations use, 1 to 256. Before it is set: RECURRENT_NUM_THREADS, else the cores that the
   process may use. Results are the same bits at any number. Threads are made on first need, and anew after a fork. */
recurrent_status recurrent_set_num_threads(int64_t count);
int64_t recurrent_get_num_threads(void);

/* ------------------------------------------------------------------ Solver */

typedef struct recurrent_step {
  double ratio_clipped; /* the share of gradients that were clipped */
  double gradient_norm; /* the root of their squares' sum, before clipping */
} recurrent_step;

/* RecurrentJS's RMSProp, with its 0.999 and 1e-8:
   s = decay_rate s + (1 - decay_rate) g^2;  w = w - step_size clip(g) / sqrt(s + smooth_eps) - regc w;  g = 0 */
recurrent_status recurrent_solver_create(double decay_rate, double smooth_eps, recurrent_solver *solver);

/* Any rule, as torch.optim has it. settings is JSON of length bytes in UTF-8; "rule" must be there, what else is absent
   is as here (with lr the learning rate, which is kept for you: a step is told its own).
     {"rule": "sgd", "lr": 0.001, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": false}
     {"rule": "adagrad", "lr": 0.01, "lr_decay": 0, "weight_decay": 0, "initial_accumulator_value": 0, "eps": 1e-10}
     {"rule": "rmsprop", "lr": 0.01, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0, "centered": false,
      "bias_correction": true}
     {"rule": "adam", "lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0, "amsgrad": false}
     {"rule": "adamw", "lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01, "amsgrad": false}
     {"rule": "recurrentjs", "lr": 0.01, "decay_rate": 0.999, "smooth_eps": 1e-8}
   bias_correction divides rmsprop's mean of squares by 1 - alpha^t, t counting steps from 1; false is PyTorch's.
   And for each of them "clipping": "value" bounds every gradient by clipval; "tensor_norm" scales those of each named
   Mat by min(1, clipval / (norm + 1e-6)), "global_norm" all of them likewise.
   Unknown names, wrong kinds and values out of range are RECURRENT_BAD_VALUE. */
recurrent_status recurrent_solver_create_from(const char *settings, int64_t length, recurrent_solver *solver);
recurrent_status recurrent_solver_free(recurrent_solver solver);

/* The settings, all of them, as recurrent_solver_create_from takes them; 512 bytes suffice. */
recurrent_status recurrent_solver_describe(recurrent_solver solver, char *settings, int64_t capacity, int64_t *length);

/* The settings' lr, read and set; it is at least 0, and goes into files with the rest. */
recurrent_status recurrent_solver_get_learning_rate(recurrent_solver solver, double *learning_rate);
recurrent_status recurrent_solver_set_learning_rate(recurrent_solver solver, double learning_rate);

/* One step of count named Mats, whose gradients become 0. What the rule remembers of a Mat belongs to its name.
   step_size    the learning rate, at least 0
   regc         the share that is taken off each weight besides, at least 0
   clipval      the bound for clipping, above 0; INFINITY for none
   An infinite or NaN gradient is refused by name, RECURRENT_NOT_FINITE, and nothing has changed. stats may be NULL. */
recurrent_status recurrent_solver_step(recurrent_solver solver, const char *const *names, const int64_t *lengths,
                                       const recurrent_mat *mats, int64_t count, double step_size, double regc,
                                       double clipval, recurrent_step *stats);

/* One step of all of a model's parameters. */
recurrent_status recurrent_solver_step_model(recurrent_solver solver, recurrent_model model, double step_size,
                                             double regc, double clipval, recurrent_step *stats);

/* The names that were stepped, in the order in which they came. */
recurrent_status recurrent_solver_name_count(recurrent_solver solver, int64_t *count);
recurrent_status recurrent_solver_name(recurrent_solver solver, int64_t index, char *name, int64_t capacity,
                                       int64_t *length);

/* What the rule remembers of each name: its slots, as PyTorch calls them ("exp_avg"; RecurrentJS's is "step_cache").
   A slot of a name is a live Mat; RECURRENT_BAD_INDEX before the name's first step. */
recurrent_status recurrent_solver_slot_count(recurrent_solver solver, int64_t *count);
recurrent_status recurrent_solver_slot_name(recurrent_solver solver, int64_t index, char *name, int64_t capacity,
                                            int64_t *length);
recurrent_status recurrent_solver_slot(recurrent_solver solver, int64_t index, const char *name, int64_t length,
                                       recurrent_mat *slot);

/* ------------------------------------------------------------------ Sentence model: RecurrentJS's demo */

/* A network that learns sentences letter by letter: letter vectors Wil, layers, decoder, solver.
   texts, lengths, count   give the vocabulary; blank ones are passed over, one letter there must be. */
recurrent_status recurrent_sentence_model_create(const char *const *texts, const int64_t *lengths, int64_t count,
                                                 recurrent_cell cell, recurrent_dtype dtype,
                                                 const int64_t *hidden_sizes, int64_t layers, int64_t letter_size,
                                                 recurrent_random random, recurrent_sentence_model *model);
recurrent_status recurrent_sentence_model_free(recurrent_sentence_model model);

typedef struct recurrent_cost {
  double cost;       /* nats, summed over the n + 1 predictions of n letters */
  double perplexity; /* e^(cost / (n + 1)) */
} recurrent_cost;

typedef struct recurrent_tick {
  double cost, perplexity; /* before the step */
  double ratio_clipped, gradient_norm;
} recurrent_tick;

/* Learns from one sentence: forward, backward, one step. RecurrentJS: 0.01, 1e-6, 5. tick may be NULL. */
recurrent_status recurrent_sentence_model_tick(recurrent_sentence_model model, const char *text, int64_t length,
                                               double learning_rate, double regc, double clipval,
                                               recurrent_tick *tick);

/* What a sentence costs now. */
recurrent_status recurrent_sentence_model_cost(recurrent_sentence_model model, const char *text, int64_t length,
                                               recurrent_cost *cost);

/* Writes a sentence of at most max_chars letters into text; with random 0 the likeliest letter each time.
   capacity must be at least 4 * max_chars bytes, so that any letters fit. */
recurrent_status recurrent_sentence_model_predict(recurrent_sentence_model model, double temperature,
                                                  int64_t max_chars, recurrent_random random, char *text,
                                                  int64_t capacity, int64_t *length);

/* RecurrentJS's JSON, solver's cache included. A crash while saving leaves the old file or the new one. */
recurrent_status recurrent_sentence_model_save_recurrentjs(recurrent_sentence_model model, const char *path,
                                                           int64_t length);
recurrent_status recurrent_sentence_model_load_recurrentjs(const char *path, int64_t length, recurrent_dtype dtype,
                                                           recurrent_sentence_model *model);

typedef struct recurrent_sentence_model_info {
  recurrent_cell cell;
  recurrent_dtype dtype;
  int64_t layers, letter_size;
  int64_t letters; /* without START and END, which are 0 */
} recurrent_sentence_model_info;
recurrent_status recurrent_sentence_model_describe(recurrent_sentence_model model, recurrent_sentence_model_info *info);

/* layers sizes, lowest first; and letters code points, letter k + 1 at place k. capacity in elements. */
recurrent_status recurrent_sentence_model_hidden_sizes(recurrent_sentence_model model, int64_t *sizes, int64_t capacity);
recurrent_status recurrent_sentence_model_letters(recurrent_sentence_model model, uint32_t *letters, int64_t capacity);

/* The network inside, its first parameter Wil; and the solver. Handles of their own, to be freed. */
recurrent_status recurrent_sentence_model_network(recurrent_sentence_model model, recurrent_model *network);
recurrent_status recurrent_sentence_model_solver(recurrent_sentence_model model, recurrent_solver *solver);

/* ------------------------------------------------------------------ Text model: an alphabet, a network, its training

   A network that reads a text's tokens and scores the next, with all that its training goes on from: solver, the state
   of the streams that it learns from, dropout's generator, the count of steps. All of it is saved in one file. */

/* What a token stands for: a Unicode scalar that occurs in the text, numbered from 0 by code point; or a byte. */
typedef int32_t recurrent_alphabet;
enum { RECURRENT_CHARACTERS = 0, RECURRENT_BYTES = 1 };

/* What to do with a character that has no number: an error that names it; pass over it; read another in its place. */
typedef int32_t recurrent_unknown;
enum { RECURRENT_REFUSE = 0, RECURRENT_SKIP = 1, RECURRENT_REPLACE = 2 };

/* text, length   give the characters, in any order and any number; not looked at for RECURRENT_BYTES
   cell ... layers   as for recurrent_model_create
   embedding      numbers per token, looked up in a table; 0 for a column of zeros with a 1
   tied           1: the table is the decoder's matrix too, and embedding the top layer's width; else 0
   dropout        the share that training steps drop between layers, 0 <= dropout < 1
   random         draws the weights, uniform on +-0.08 (an LSTM's forget biases are 1, the others 0), and then the seed
                  of the model's own generator, which draws the dropout */
recurrent_status recurrent_text_model_create(const char *text, int64_t length, recurrent_alphabet alphabet,
                                             recurrent_cell cell, recurrent_dtype dtype, const int64_t *hidden_sizes,
                                             int64_t layers, int64_t embedding, int32_t tied, double dropout,
                                             recurrent_random random, recurrent_text_model *model);
recurrent_status recurrent_text_model_free(recurrent_text_model model);

typedef struct recurrent_text_model_info {
  recurrent_alphabet alphabet;
  recurrent_cell cell;
  recurrent_dtype dtype;
  int32_t tied;
  int64_t layers, letters; /* letters: how many tokens there are */
  int64_t embedding;       /* 0 for none */
  int64_t step;            /* training steps made */
  int64_t streams;         /* whose state is carried; 0 before the first step and after reset_state */
  int64_t notes_length;    /* bytes */
  double dropout;
} recurrent_text_model_info;
recurrent_status recurrent_text_model_describe(recurrent_text_model model, recurrent_text_model_info *info);

/* layers sizes, lowest first; and letters code points or bytes, token k at place k. capacity in elements. */
recurrent_status recurrent_text_model_hidden_sizes(recurrent_text_model model, int64_t *sizes, int64_t capacity);
recurrent_status recurrent_text_model_letters(recurrent_text_model model, uint32_t *letters, int64_t capacity);

/* The network inside: a handle of its own, to be freed. */
recurrent_status recurrent_text_model_network(recurrent_text_model model, recurrent_model *network);

/* The solver, a handle of its own; RECURRENT_INVALIDATED before one is set. A solver that is set is shared, not copied. */
recurrent_status recurrent_text_model_solver(recurrent_text_model model, recurrent_solver *solver);
recurrent_status recurrent_text_model_set_solver(recurrent_text_model model, recurrent_solver solver);

/* Text of the caller's that is saved with the model. */
recurrent_status recurrent_text_model_notes(recurrent_text_model model, char *notes, int64_t capacity, int64_t *length);
recurrent_status recurrent_text_model_set_notes(recurrent_text_model model, const char *notes, int64_t length);

/* The tokens of a text; where the alphabet is bytes, of any bytes. capacity in tokens: length always suffices.
   replacement    the character to read in the place of those without a number, for RECURRENT_REPLACE */
recurrent_status recurrent_text_model_encode(recurrent_text_model model, const char *text, int64_t length,
                                             recurrent_unknown unknown, uint32_t replacement, int64_t *tokens,
                                             int64_t capacity, int64_t *count);

/* The text of count tokens, always valid UTF-8: of bytes, what is none becomes U+FFFD, and a character whose last bytes
   are yet to come is left out. capacity must be at least 4 * count bytes. */
recurrent_status recurrent_text_model_decode(recurrent_text_model model, const int64_t *tokens, int64_t count,
                                             char *text, int64_t capacity, int64_t *length);

/* Learns from the next T tokens of B streams side by side, time-major, beginning in the state that the step before left.
   tokens, targets   [T * B] each, targets being the token after each; -1 where there is none
   step_size ...     as for recurrent_solver_step
   An infinite or NaN gradient is refused by name and everything is as before. result may be NULL. */
recurrent_status recurrent_text_model_train_step(recurrent_text_model model, const int64_t *tokens,
                                                 const int64_t *targets, int64_t T, int64_t B, double step_size,
                                                 double regc, double clipval, recurrent_train_result *result);

/* Forgets the streams: the next step begins in zeros, with any number of them. */
recurrent_status recurrent_text_model_reset_state(recurrent_text_model model);

/* nats receives the mean of -ln p over count tokens but the first, each predicted from those before it. The tokens are
   cut into so many columns that are read side by side, each from zeros: 1 reads the text as it is, more are faster. */
recurrent_status recurrent_text_model_evaluate(recurrent_text_model model, const int64_t *tokens, int64_t count,
                                               int64_t columns, double *nats);

/* Reads prime, then writes at most count tokens, as text into text, with nothing of prime in it.
   prime, length        empty: a line's end is read, where the alphabet has none a space, else token 0
   sampler              NULL for the softmax of the scores
   stops, stop_lengths  [stop_count] texts that end the writing and are not part of it
   random               0 for the likeliest token each time
   capacity must be at least 4 * count bytes. */
recurrent_status recurrent_text_model_sample(recurrent_text_model model, const char *prime, int64_t length,
                                             int64_t count, const recurrent_sampler *sampler, const char *const *stops,
                                             const int64_t *stop_lengths, int64_t stop_count, recurrent_random random,
                                             char *text, int64_t capacity, int64_t *written);

/* Writes everything to one safetensors file, with a checksum. A crash leaves the old file or the new one. A weight that
   is infinite or NaN is refused by name. */
recurrent_status recurrent_text_model_save(recurrent_text_model model, const char *path, int64_t length);

/* A model as it was saved, to go on to the same bits. A file that is damaged in any bit, truncated, from a newer version
   or not a text model is RECURRENT_BAD_FORMAT. */
recurrent_status recurrent_text_model_load(const char *path, int64_t length, recurrent_text_model *model);

#ifdef __cplusplus
}
#endif

#endif
