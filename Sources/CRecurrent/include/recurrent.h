/*
 * recurrent: recurrent networks and the expression graphs beneath them.
 *
 * Contents: sections, and their functions without the prefix recurrent_
 *
 *   Versions and errors
 *       abi_version, version, cpu_flags, last_error, last_errno, object_count
 *   Types
 *       random, mat, graph, network, optimizer, text_model, generator, pin, step, program, dtype, axis, reduction,
 *       dropout_scope, unary, binary, step_result
 *   Random: Philox4x64-10
 *       random_create, random_free, random_words, random_uniform, random_gaussian, random_get_state, random_set_state
 *   Mat: values w and gradients dw
 *       mat_create, mat_create_from, mat_free, mat_view, mat_copy, mat_describe, mat_w, mat_dw, mat_pin_w,
 *       mat_pin_dw, pin_free, mat_fill, mat_zero_gradient, mat_fill_uniform, mat_fill_gaussian
 *   Graph: record, evaluate, backpropagate
 *       graph_create, graph_free, graph_reset, graph_evaluate, graph_backward, graph_backward_from,
 *       graph_backward_done, graph_count, graph_operation, graph_operand
 *       Element by element: graph_unary, graph_binary, graph_clip, graph_where, graph_detach
 *       Products and look-ups: graph_mul, graph_bmm, graph_dot, graph_row_pluck
 *       Shapes: graph_transpose, graph_reverse_sequence, graph_concat_rows, graph_concat_columns, graph_stack,
 *         graph_reshape, graph_index_select, graph_slice_rows, graph_slice_columns
 *       Reductions, probabilities, losses: graph_sum, graph_mean, graph_max, graph_min, graph_norm, graph_logsumexp,
 *         graph_cumsum, graph_softmax, graph_log_softmax, graph_cross_entropy, graph_squared_error
 *       Normalization: graph_dropout, graph_layer_norm
 *       One time step of a recurrent layer: graph_rnn, graph_lstm
 *   Programs: recurrent steps of the caller's own
 *       step_create, step_free, step_dropout, step_zoneout, step_attend, step_name, step_finish, program_create,
 *       program_free, program_describe, graph_scan, graph_forest, graph_apply
 *   Sampling
 *       softmax, argmax, sample, probabilities
 *   Network: recurrent layers and a decoder
 *       network_create, network_free, network_describe, network_program, network_initialize, network_set_dropout,
 *       network_parameter, network_parameter_count, network_parameter_name, network_flat, network_forward
 *   Network: sequences in the caller's memory
 *       network_state_count, network_initial_state, network_forward_sequence, network_infer_sequence,
 *       network_backward_sequence, network_activation, network_train_step, network_loss, network_gradient,
 *       network_step, network_beam_search
 *   Generator: a sequence in the making
 *       generator_create, generator_create_text, generator_free, generator_next, generator_next_text,
 *       generator_next_characters, generators_next, generators_next_text, generator_state
 *   Optimizer
 *       optimizer_create, optimizer_free, optimizer_describe, optimizer_get_learning_rate,
 *       optimizer_set_learning_rate, optimizer_step, optimizer_step_network, optimizer_name_count, optimizer_name,
 *       optimizer_steps, optimizer_state_count, optimizer_state_name, optimizer_state, optimizer_load_state
 *   Text model
 *       text_model_create, text_model_free, text_model_describe, text_model_get_info, text_model_vocabulary,
 *       text_model_tokenizer, text_model_network, text_model_optimizer, text_model_set_optimizer,
 *       text_model_get_metadata, text_model_set_metadata, text_model_encode, text_model_decode,
 *       text_model_train_step, text_model_reset_state, text_model_get_state, text_model_set_state, text_model_random,
 *       text_model_evaluate, text_model_save, text_model_load, text_model_write, text_model_read
 *   Files of networks
 *       network_save, network_load, network_write, network_read, network_get_metadata, network_set_metadata,
 *       file_kind
 *   RecurrentJS
 *       sentence_model_create, sentence_model_tick, sentence_model_cost, sentence_model_save, sentence_model_load
 *   Threads
 *       set_num_threads, get_num_threads
 *   Interrupts
 *       set_interrupt_check, is_interrupt_check, python_set_interrupt_check, python_raise
 *
 * A program, without its error checks:
 *
 *     recurrent_random random;
 *     recurrent_optimizer optimizer;
 *     recurrent_text_model model;
 *     const char *text = "hello help", *settings = "{\"cell\": \"lstm\", \"hidden_sizes\": [20]}";
 *     const char *adam = "{\"name\": \"adam\"}";
 *     int64_t length = 10, tokens[10], count;
 *     recurrent_random_create(7, &random);
 *     recurrent_text_model_create(settings, strlen(settings), &text, &length, 1, random, &model);
 *     recurrent_optimizer_create(adam, strlen(adam), &optimizer);
 *     recurrent_text_model_set_optimizer(model, optimizer);
 *     recurrent_text_model_encode(model, text, length, RECURRENT_ERRORS_STRICT, 0, tokens, 10, &count);
 *     for (int i = 0; i < 500; i++) {
 *       recurrent_text_model_reset_state(model);
 *       recurrent_text_model_train_step(model, tokens, tokens + 1, 9, 1, NULL, 0, 0, 0.01, 0, 5, NULL);
 *     }
 *
 * Rules that hold for every function:
 *
 *   Status      A function that can fail returns a recurrent_status, 0 for success. After a failure the outputs are
 *               untouched, nothing has changed, and recurrent_last_error() describes the failure.
 *   Handles     Objects are 64-bit numbers, never addresses. A handle that is 0, freed, forged or of another kind
 *               gives a status. The caller frees each handle that a function returned; freeing 0 does nothing.
 *               An object lives as long as another object needs it: a Mat that a graph reads may be freed.
 *   Settings    Networks, optimizers, samplers and text models are created from one JSON object in UTF-8 each. Absent
 *               keys take the defaults shown; unknown keys, wrong kinds and values out of range give
 *               RECURRENT_BAD_VALUE.
 *   Memory      A Mat is n rows by d columns, column-major: element (i, j) is w[j * stride + i]. Pointers to its
 *               elements stay valid, and never move, until its handle and its pins are freed.
 *   Threads     Different objects may be used from different threads at once; one object from two threads at once
 *               gives RECURRENT_BUSY. A graph's objects are the graph, its Mats and their operands; a network's are
 *               all its parameters. Inference on one network runs concurrently: the functions marked "Shared" may be
 *               called on it from any number of threads at once, each computes in memory of its own, and the results
 *               have the same bits as alone. They and a function that is not marked give RECURRENT_BUSY during each
 *               other, and so does access to a parameter Mat.
 *   Text        UTF-8 as pointer and length in bytes; a terminating zero is neither needed nor written. A path is
 *               the system's bytes, which need not be UTF-8.
 *   Values      Every floating-point setting must be finite. Sizes are checked before they are used.
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

/* Incremented when a function changes its meaning or is removed; functions may be added without. */
#define RECURRENT_ABI_VERSION 2

/* Returns the RECURRENT_ABI_VERSION that the library was built with. */
int32_t recurrent_abi_version(void);

/* Returns the library's version, "0.2.0"; static. */
const char *recurrent_version(void);

/* The instructions that the library is built for and every CPU that runs it must have: names as in the flags of Linux's
   /proc/cpuinfo, a space before each. A variable, so that it can be read before the library runs. */
extern const char recurrent_cpu_flags[];

typedef int32_t recurrent_status;
enum {
  RECURRENT_OK = 0,
  RECURRENT_NULL_ARGUMENT = 1, /* a pointer or handle is 0 that must not be */
  RECURRENT_BAD_HANDLE = 2,    /* a handle that was freed or never existed */
  RECURRENT_WRONG_KIND = 3,    /* a handle of another kind of object */
  RECURRENT_BAD_SHAPE = 4,     /* sizes that are not positive, too large, or inconsistent */
  RECURRENT_BAD_TYPE = 5,      /* float32 where float64 is expected, or the reverse */
  RECURRENT_BAD_VALUE = 6,     /* a setting outside its range, or text that cannot be used */
  RECURRENT_BAD_INDEX = 7,     /* an index outside its range, or an unknown name */
  RECURRENT_NO_MEMORY = 8,
  RECURRENT_IO = 9,            /* recurrent_last_errno() gives the system's reason */
  RECURRENT_BAD_FORMAT = 10,   /* a file that is damaged, or not of the expected format */
  RECURRENT_NOT_FINITE = 11,   /* an infinite or NaN gradient, weight or score */
  RECURRENT_BUSY = 12,         /* the object is in use by another thread */
  RECURRENT_INVALIDATED = 13,  /* the Mat's graph was reset or freed; or the call needs an earlier call */
  RECURRENT_SHORT_BUFFER = 14, /* the buffer is too small; the message gives the size needed */
  RECURRENT_INTERRUPTED = 15   /* the program's interrupt check has stopped the call */
};

/* Returns the message of the last failure on this thread, "" before the first. Never NULL; valid until the next failure
   on this thread. At most 1023 bytes. */
const char *recurrent_last_error(void);

/* Returns the system's errno for the last failure on this thread if it was RECURRENT_IO, else 0. */
int32_t recurrent_last_errno(void);

/* Returns the number of objects that exist in the process: handles created and not freed. For finding leaks. */
int64_t recurrent_object_count(void);

/* ------------------------------------------------------------------ Types */

typedef uint64_t recurrent_random;
typedef uint64_t recurrent_mat;
typedef uint64_t recurrent_graph;
typedef uint64_t recurrent_network;
typedef uint64_t recurrent_optimizer;
typedef uint64_t recurrent_text_model;
typedef uint64_t recurrent_generator;
typedef uint64_t recurrent_pin;
typedef uint64_t recurrent_step;
typedef uint64_t recurrent_program;

typedef int32_t recurrent_dtype;
enum { RECURRENT_FLOAT32 = 0, RECURRENT_FLOAT64 = 1 };

/* What a reduction reduces: all elements (1 x 1), the rows of each column (1 x d), or the columns of each row
   (n x 1). */
typedef int32_t recurrent_axis;
enum { RECURRENT_ALL = -1, RECURRENT_ROWS = 0, RECURRENT_COLUMNS = 1 };

typedef int32_t recurrent_reduction;
enum { RECURRENT_MEAN = 0, RECURRENT_SUM = 1 };

/* How often dropout inside a step draws: at each time step, or once for each sequence. */
typedef int32_t recurrent_dropout_scope;
enum { RECURRENT_STEP = 0, RECURRENT_SEQUENCE = 1 };

/* Element-wise functions of one Mat. `parameter` is LEAKY_RELU's negative slope, SCALE's factor, SHIFT's constant and POW's
   exponent, else 0. */
typedef int32_t recurrent_unary;
enum {
  RECURRENT_TANH = 0,
  RECURRENT_SIGMOID = 1,
  RECURRENT_RELU = 2,
  RECURRENT_LEAKY_RELU = 3,
  RECURRENT_GELU = 4, /* the exact form, x * Phi(x) */
  RECURRENT_SILU = 5,
  RECURRENT_SOFTPLUS = 6,
  RECURRENT_NEG = 7,
  RECURRENT_SCALE = 8,
  RECURRENT_EXP = 9,
  RECURRENT_LOG = 10,
  RECURRENT_SQRT = 11,
  RECURRENT_SQUARE = 12,
  RECURRENT_ABS = 13,
  RECURRENT_SHIFT = 14, /* x + parameter */
  RECURRENT_SIN = 15,   /* NaN at infinity, as is COS */
  RECURRENT_COS = 16,
  RECURRENT_POW = 17 /* x to the power parameter: as C's pow; its derivative is 0 for the power 0 */
};

/* Element-wise functions of two Mats. MAXIMUM and MINIMUM are NaN if an element is NaN, and equal elements have half of the
   gradient each. The comparisons from GREATER on are 1 or 0, and without a gradient. */
typedef int32_t recurrent_binary;
enum {
  RECURRENT_ADD = 0,
  RECURRENT_SUB = 1,
  RECURRENT_ELTMUL = 2,
  RECURRENT_DIV = 3,
  RECURRENT_MAXIMUM = 4,
  RECURRENT_MINIMUM = 5,
  RECURRENT_GREATER = 6,
  RECURRENT_GREATER_EQUAL = 7,
  RECURRENT_LESS = 8,
  RECURRENT_LESS_EQUAL = 9,
  RECURRENT_EQUAL = 10,
  RECURRENT_NOT_EQUAL = 11
};

/* The outcome of a training or optimizer step. */
typedef struct recurrent_step_result {
  double loss;          /* nats, or mean squared error, before the update; 0 from recurrent_optimizer_step */
  double gradient_norm; /* the L2 norm of all gradients before clipping */
  double ratio_clipped; /* the fraction of gradients that were clipped */
} recurrent_step_result;

/* ------------------------------------------------------------------ Random: Philox4x64-10

   Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Bit-equal to numpy.random.Philox. */

/* Creates a generator at the start of the sequence of numpy.random.Philox(key=seed). */
recurrent_status recurrent_random_create(uint64_t seed, recurrent_random *random);
recurrent_status recurrent_random_free(recurrent_random random);

/* Draws `count` 64-bit words. */
recurrent_status recurrent_random_words(recurrent_random random, uint64_t *words, int64_t count);

/* Draws `count` values in [low, high): low + (high - low) * u with u = (word >> 11) * 2^-53. */
recurrent_status recurrent_random_uniform(recurrent_random random, double low, double high, double *values,
                                          int64_t count);

/* Draws `count` normal values by Marsaglia's polar method; std >= 0. */
recurrent_status recurrent_random_gaussian(recurrent_random random, double mean, double std, double *values,
                                           int64_t count);

/* Reads and writes the state, 11 words: key (2), counter (4), the last block (4), the words used of it (0 to 4). */
recurrent_status recurrent_random_get_state(recurrent_random random, uint64_t state[11]);
recurrent_status recurrent_random_set_state(recurrent_random random, const uint64_t state[11]);

/* ------------------------------------------------------------------ Mat: values w and gradients dw */

/* Creates n rows by d columns of zeros; at most 2^31 - 1 elements. */
recurrent_status recurrent_mat_create(recurrent_dtype dtype, int64_t n, int64_t d, recurrent_mat *mat);

/* Creates a copy of count = n * d elements of the given type, column by column. */
recurrent_status recurrent_mat_create_from(recurrent_dtype dtype, int64_t n, int64_t d, const void *w, int64_t count,
                                           recurrent_mat *mat);
recurrent_status recurrent_mat_free(recurrent_mat mat);

/* Creates a view of the n x d elements at (row, column). It shares values and gradients with `mat` and keeps them
   alive. */
recurrent_status recurrent_mat_view(recurrent_mat mat, int64_t row, int64_t column, int64_t n, int64_t d,
                                    recurrent_mat *view);

/* Creates a copy of the values in its own memory; its gradients are 0. */
recurrent_status recurrent_mat_copy(recurrent_mat mat, recurrent_mat *copy);

typedef struct recurrent_mat_info {
  int64_t n, d;
  int64_t stride; /* elements from the start of one column to the start of the next */
  recurrent_dtype dtype;
} recurrent_mat_info;
recurrent_status recurrent_mat_describe(recurrent_mat mat, recurrent_mat_info *info);

/* Returns a pointer to the values (float or double, see dtype). Evaluates them first if necessary, evaluates every
   recorded operation that reads them, and copies what backward passes still read of them: a write through the pointer
   changes neither earlier results nor their gradients. To write after a later recording, get the pointer again, or pin
   it. */
recurrent_status recurrent_mat_w(recurrent_mat mat, void **w);

/* Returns a pointer to the gradients. */
recurrent_status recurrent_mat_dw(recurrent_mat mat, void **dw);

/* Return the pointer of recurrent_mat_w or recurrent_mat_dw and pin it. Until the pin is freed, from any thread, the
   memory lives, and recurrent_graph_reset leaves it as it is. While values are pinned, a recorded operation on them is
   evaluated at once and copies what its backward pass reads of them, so that a write at any time is safe. */
recurrent_status recurrent_mat_pin_w(recurrent_mat mat, void **w, recurrent_pin *pin);
recurrent_status recurrent_mat_pin_dw(recurrent_mat mat, void **dw, recurrent_pin *pin);
recurrent_status recurrent_pin_free(recurrent_pin pin);

recurrent_status recurrent_mat_fill(recurrent_mat mat, double value);
recurrent_status recurrent_mat_zero_gradient(recurrent_mat mat);

/* Fills a Mat column by column with uniform values in [low, high), or with normal values. float32 draws the same words
   as float64 and rounds. */
recurrent_status recurrent_mat_fill_uniform(recurrent_mat mat, double low, double high, recurrent_random random);
recurrent_status recurrent_mat_fill_gaussian(recurrent_mat mat, double mean, double std, recurrent_random random);

/* ------------------------------------------------------------------ Graph: record, evaluate, backpropagate */

/* Creates a graph that keeps operations for backpropagation (needs_backprop 1), or evaluates each at once and keeps
   nothing (0). Recording checks shapes; evaluation is lazy: recurrent_mat_w, evaluate and backward trigger it. */
recurrent_status recurrent_graph_create(int32_t needs_backprop, recurrent_graph *graph);
recurrent_status recurrent_graph_free(recurrent_graph graph);

/* Discards the recorded operations and keeps the memory. Results recorded before give RECURRENT_INVALIDATED. */
recurrent_status recurrent_graph_reset(recurrent_graph graph);
recurrent_status recurrent_graph_evaluate(recurrent_graph graph);

/* A gradient flows within one graph. Recording returns RECURRENT_BAD_VALUE for a result of another graph whose backward
   pass is to come; after that pass the result is a constant. */

/* Backpropagates the dw that the caller set on results; accumulates into every operand's dw. Once per recording. An
   operation that no gradient reaches is skipped: dw of its result is 0, and no operation that is reached reads it. */
recurrent_status recurrent_graph_backward(recurrent_graph graph);

/* Sets the dw of a 1 x 1 result to 1, then backpropagates as recurrent_graph_backward does. */
recurrent_status recurrent_graph_backward_from(recurrent_graph graph, recurrent_mat loss);

/* Returns 1 once a backward pass of the recording has begun, also one that was interrupted, else 0. */
recurrent_status recurrent_graph_backward_done(recurrent_graph graph, int32_t *done);

/* Counts the operations recorded since the last reset. */
recurrent_status recurrent_graph_count(recurrent_graph graph, int64_t *count);

/* An operand or result of a recorded operation. */
typedef struct recurrent_operand {
  int64_t operation; /* index of the producing operation, or -1 for an input */
  int64_t n, d;      /* d is 1 if the column is broadcast */
  const void *w;     /* the first value; valid until the graph is reset; undefined before the operation is evaluated */
} recurrent_operand;

/* Describes operation `index`: its name (the function's without the prefix recurrent_graph_, or the lower-case name of
   a unary or binary operation; 32 bytes suffice), its result, and its operands. `operand_capacity` is the length of
   `operands`; `*count` receives the number of operands. */
recurrent_status recurrent_graph_operation(recurrent_graph graph, int64_t index, char *name, int64_t capacity,
                                           int64_t *length, recurrent_operand *result, recurrent_operand *operands,
                                           int64_t operand_capacity, int64_t *count);

/* Creates a view of operand `operand` of operation `index`, or of its result where `operand` is -1. It shares values and
   gradients with the recorded Mat and keeps them alive. A constant of the library, which has no gradients, is refused. */
recurrent_status recurrent_graph_operand(recurrent_graph graph, int64_t index, int64_t operand, recurrent_mat *mat);

/* ---- Element by element. */

/* Records out = f(m), of m's shape. */
recurrent_status recurrent_graph_unary(recurrent_graph graph, recurrent_unary operation, recurrent_mat m,
                                       double parameter, recurrent_mat *out);

/* Records out = f(a, b). The numbers of rows are equal or one is 1, and so are those of columns: a single row, a single
   column or a 1 x 1 Mat is broadcast, and its gradient is a sum. */
recurrent_status recurrent_graph_binary(recurrent_graph graph, recurrent_binary operation, recurrent_mat a,
                                        recurrent_mat b, recurrent_mat *out);

/* Records the elements of m limited to low .. high; -INFINITY or INFINITY for none. The derivative is 1 from low to high,
   both included, else 0. */
recurrent_status recurrent_graph_clip(recurrent_graph graph, recurrent_mat m, double low, double high,
                                      recurrent_mat *out);

/* Records a where the condition is not 0, and b elsewhere; broadcast as by recurrent_graph_binary. NaN is not 0. The
   condition has no gradient. */
recurrent_status recurrent_graph_where(recurrent_graph graph, recurrent_mat condition, recurrent_mat a, recurrent_mat b,
                                       recurrent_mat *out);

/* Records the values of m as a constant: no gradient flows to m. */
recurrent_status recurrent_graph_detach(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);

/* ---- Products and look-ups. */

/* [n x k] [k x d] -> [n x d] */
recurrent_status recurrent_graph_mul(recurrent_graph graph, recurrent_mat a, recurrent_mat b, recurrent_mat *out);

/* The products of the B = `batches` matrices of a and of b. Column j * B + b of a Mat is column j of its matrix b:
   [n x k B] [k x d B] -> [n x d B]; with transpose_a 1, a is [k x n B] and its matrices are transposed first. */
recurrent_status recurrent_graph_bmm(recurrent_graph graph, recurrent_mat a, recurrent_mat b, int64_t batches,
                                     int32_t transpose_a, recurrent_mat *out);

/* The sum of a * b over all elements: 1 x 1. */
recurrent_status recurrent_graph_dot(recurrent_graph graph, recurrent_mat a, recurrent_mat b, recurrent_mat *out);

/* Rows of m as columns: [d x count]. A row that occurs twice receives both gradients. */
recurrent_status recurrent_graph_row_pluck(recurrent_graph graph, recurrent_mat m, const int64_t *rows, int64_t count,
                                           recurrent_mat *out);

/* ---- Shapes. Slices are views: they share w and dw with m and record nothing. */
recurrent_status recurrent_graph_transpose(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);

/* The T time steps of B sequences in reverse order, each sequence within its length; its later steps stay. Column
   t * B + b of m is step t of sequence b. lengths: [length_count] valid steps of each sequence, 0 .. T; NULL: T. */
recurrent_status recurrent_graph_reverse_sequence(recurrent_graph graph, recurrent_mat m, int64_t T,
                                                  const int64_t *lengths, int64_t length_count, recurrent_mat *out);
recurrent_status recurrent_graph_concat_rows(recurrent_graph graph, const recurrent_mat *mats, int64_t count,
                                             recurrent_mat *out);
recurrent_status recurrent_graph_concat_columns(recurrent_graph graph, const recurrent_mat *mats, int64_t count,
                                                recurrent_mat *out);

/* T = `count` Mats of one shape, [n x d], in turn: axis 1 gives [n x d T], where column j * T + t is column j of mats[t];
   axis 0 gives [n T x d], where row i * T + t is row i of mats[t]. */
recurrent_status recurrent_graph_stack(recurrent_graph graph, const recurrent_mat *mats, int64_t count,
                                       recurrent_axis axis, recurrent_mat *out);

/* The elements of m, row by row, as n rows and d columns; -1 stands for the number that fits. */
recurrent_status recurrent_graph_reshape(recurrent_graph graph, recurrent_mat m, int64_t n, int64_t d,
                                         recurrent_mat *out);

/* The rows (axis 0) or the columns (axis 1) of m at `count` indices. One that occurs twice receives both gradients. */
recurrent_status recurrent_graph_index_select(recurrent_graph graph, recurrent_mat m, const int64_t *indices,
                                              int64_t count, recurrent_axis axis, recurrent_mat *out);
recurrent_status recurrent_graph_slice_rows(recurrent_graph graph, recurrent_mat m, int64_t start, int64_t count,
                                            recurrent_mat *out);
recurrent_status recurrent_graph_slice_columns(recurrent_graph graph, recurrent_mat m, int64_t start, int64_t count,
                                               recurrent_mat *out);

/* ---- Reductions, probabilities, losses. */
recurrent_status recurrent_graph_sum(recurrent_graph graph, recurrent_mat m, recurrent_axis axis, recurrent_mat *out);
recurrent_status recurrent_graph_mean(recurrent_graph graph, recurrent_mat m, recurrent_axis axis, recurrent_mat *out);

/* The largest and the smallest element; NaN if one is NaN. Equal ones have equal shares of the gradient. */
recurrent_status recurrent_graph_max(recurrent_graph graph, recurrent_mat m, recurrent_axis axis, recurrent_mat *out);
recurrent_status recurrent_graph_min(recurrent_graph graph, recurrent_mat m, recurrent_axis axis, recurrent_mat *out);

/* The Euclidean norm; its gradient is 0 at 0. And ln of the sum of e^m. Neither overflows where the result does not. */
recurrent_status recurrent_graph_norm(recurrent_graph graph, recurrent_mat m, recurrent_axis axis, recurrent_mat *out);
recurrent_status recurrent_graph_logsumexp(recurrent_graph graph, recurrent_mat m, recurrent_axis axis,
                                           recurrent_mat *out);

/* The sums of the elements so far, down each column (axis 0) or along each row (axis 1): of m's shape. */
recurrent_status recurrent_graph_cumsum(recurrent_graph graph, recurrent_mat m, recurrent_axis axis,
                                        recurrent_mat *out);

/* Softmax, and its logarithm, of each column. */
recurrent_status recurrent_graph_softmax(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);
recurrent_status recurrent_graph_log_softmax(recurrent_graph graph, recurrent_mat m, recurrent_mat *out);

/* -ln softmax(scores)[target] over the d columns, 1 x 1, in nats; targets: d classes in 0 .. n-1. */
recurrent_status recurrent_graph_cross_entropy(recurrent_graph graph, recurrent_mat scores, const int64_t *targets,
                                               int64_t count, recurrent_reduction reduction, recurrent_mat *out);

/* (a - b)^2 over all elements, 1 x 1. */
recurrent_status recurrent_graph_squared_error(recurrent_graph graph, recurrent_mat a, recurrent_mat b,
                                               recurrent_reduction reduction, recurrent_mat *out);

/* ---- Normalization. */

/* Inverted dropout (Srivastava et al., 2014): zeroes each element with probability p, 0 <= p < 1, and divides the
   others by 1 - p. */
recurrent_status recurrent_graph_dropout(recurrent_graph graph, recurrent_mat m, double p, recurrent_random random,
                                         recurrent_mat *out);

/* Normalizes each column to mean 0 and variance 1, then scales by gain and adds bias, both [n x 1], or both 0 for none;
   epsilon > 0. */
recurrent_status recurrent_graph_layer_norm(recurrent_graph graph, recurrent_mat m, recurrent_mat gain,
                                            recurrent_mat bias, double epsilon, recurrent_mat *out);

/* ---- One time step of a recurrent layer: x [I x B], h and c [H x B]. */

/* h' = relu(Wx x + Wh h + b);  Wx [H x I], Wh [H x H], b [H x 1] */
recurrent_status recurrent_graph_rnn(recurrent_graph graph, recurrent_mat x, recurrent_mat h, recurrent_mat Wx,
                                     recurrent_mat Wh, recurrent_mat b, recurrent_mat *next_h);

/* c' = f c + i g,  h' = o tanh(c')  with the gates i, f, o = sigmoid and g = tanh of Wx x + Wh h + b. The rows of the
   gates are stacked in the order i, f, o, g:  Wx [4H x I], Wh [4H x H], b [4H x 1] */
recurrent_status recurrent_graph_lstm(recurrent_graph graph, recurrent_mat x, recurrent_mat h, recurrent_mat c,
                                      recurrent_mat Wx, recurrent_mat Wh, recurrent_mat b, recurrent_mat *next_h,
                                      recurrent_mat *next_c);

/* ------------------------------------------------------------------ Programs: recurrent steps of the caller's own */

/* A program is the equations of one time step, written with the operations of a graph and recorded once. A scan runs it
   over whole sequences as one operation, at the speed of a built-in layer:

     recurrent_step_create(settings, ...)     gives a graph, and Mats that stand for x, the states, the parameters
     recurrent_graph_mul, _unary, _binary ... record the step on that graph
     recurrent_step_finish(step, next, ...)   gives the program
     recurrent_graph_scan(graph, program, ...)

   recurrent_graph_forest runs a program over trees: its step reads the states of several children.
   recurrent_graph_apply records the step on one node, anywhere in a graph.

   A step may use recurrent_graph_unary, recurrent_graph_binary from ADD to DIV with as many rows on both sides,
   recurrent_graph_mul with a parameter on the left,
   recurrent_graph_concat_rows, views of rows, and of each column recurrent_graph_sum and _mean (axis 0), _softmax and
   _layer_norm; and recurrent_step_dropout, _zoneout and _attend. Other Mats that it reads become parameters of the program, and a
   single column is the same for every sequence. The Mats that stand for x and the states have no numbers, and the number
   of their columns, the batch size, must not be used. */

/* Begins a step. Settings, of which inputs and states are required:
     {"inputs": 5, "states": [20, 20], "children": 1,
      "parameters": [{"name": "W", "n": 80, "d": 25, "initial": null, "parts": []}], "dtype": "float32"}
   inputs      rows of x; 0 for a step without, for which `*x` becomes 0
   states      rows of each state; the first is the output
   children    how many nodes the step reads the states of: 1, and for trees more, 64 / states at most
   parameters  the Mats that each scan receives; "initial" is the value that a network gives them at first, null for a
               random matrix; "parts" names equal blocks of its rows, which a network's parameters have instead
   `parameters` receives a handle for each, `states` one for each state of each child: those of the first child, then
   those of the second. All handles are freed with the free function of their kind. */
recurrent_status recurrent_step_create(const char *settings, int64_t length, recurrent_step *step,
                                       recurrent_graph *graph, recurrent_mat *x, recurrent_mat *states,
                                       int64_t state_capacity, recurrent_mat *parameters, int64_t parameter_capacity);
recurrent_status recurrent_step_free(recurrent_step step);

/* Records dropout: in training each element of m is 0 with probability `rate`, 0 <= rate < 1, and divided by 1 - rate
   otherwise; in evaluation the result is m. Of a parameter one mask is drawn for a scan, whatever the scope. */
recurrent_status recurrent_step_dropout(recurrent_step step, recurrent_mat m, double rate,
                                        recurrent_dropout_scope scope, recurrent_mat *out);

/* Records zoneout (Krueger et al., 2016): in training each element is that of `previous` with probability `rate`, 0 <= rate
   < 1, and that of m otherwise; in evaluation it is rate previous + (1 - rate) m. */
recurrent_status recurrent_step_zoneout(recurrent_step step, recurrent_mat m, recurrent_mat previous, double rate,
                                        recurrent_mat *out);

/* Records attention over the past (arXiv:1508.04025, arXiv:1601.06733): out = sum_s p_s values_s with p = softmax(query .
   keys_s) over the time steps s = 0 .. t, where keys_s is the state before step s of the same sequence. Scores are not
   scaled: scale the query. The past begins with a run, whose work is O(T^2): such a program is refused by networks' single
   steps, generators, text models, resets, forests and applications, whose states do not hold the past.
   keys, values  states of the step as they were given, with as many rows as query; they may be the same */
recurrent_status recurrent_step_attend(recurrent_step step, recurrent_mat query, recurrent_mat keys, recurrent_mat values,
                                       recurrent_mat *out);

/* Names a value of a step: a network whose cell is the step has it among its activations.
   name  1 to 64 letters, digits and underscores, the first and the last not a digit; no other value's */
recurrent_status recurrent_step_name(recurrent_step step, recurrent_mat m, const char *name, int64_t length);

/* Ends a step: `next` holds the `count` states after it. The program lives on its own. */
recurrent_status recurrent_step_finish(recurrent_step step, const recurrent_mat *next, int64_t count,
                                       recurrent_program *program);

/* Creates a program from its text, which recurrent_program_describe writes. Every operation is checked as if it were
   recorded. */
recurrent_status recurrent_program_create(const char *text, int64_t length, recurrent_program *program);
recurrent_status recurrent_program_free(recurrent_program program);

/* Writes the program as JSON. RECURRENT_BAD_VALUE for a step that read Mats other than its own. */
recurrent_status recurrent_program_describe(recurrent_program program, char *text, int64_t capacity, int64_t *length);

/* Records a program over T time steps of B sequences.
   x             [inputs x T B], column t B + b; 0 for a step without
   states        the initial states, [rows x B] each
   parameters    of the shapes that the step declared
   lengths       valid time steps of each of B sequences, 0 to T, or NULL for T. Beyond them outputs are 0, the other
                 states stay, and x may hold anything
   random        draws the masks of dropout and zoneout; 0 for evaluation
   y             receives the outputs, [rows of the first state x T B]
   final_states  receives state_count handles */
recurrent_status recurrent_graph_scan(recurrent_graph graph, recurrent_program program, recurrent_mat x,
                                      const recurrent_mat *states, int64_t state_count,
                                      const recurrent_mat *parameters, int64_t parameter_count, int64_t T,
                                      const int64_t *lengths, int64_t length_count, recurrent_random random,
                                      recurrent_mat *y, recurrent_mat *final_states);

/* Records a program over the nodes of trees, or of directed graphs without circles. The step of a node reads the states of
   its children. Nodes of one height are computed together.
   x           [inputs x nodes]; 0 for a step without
   children    as many for each node as the step reads: i is leaf i, or node i - leaves; -1 for none, whose states are
               zeros. Children precede their parents; a node can be the child of several. child_count is the number of
               nodes times that of their children
   leaves      the states of leaves, [rows x leaves] each: leaf_count is 0, or the number of states
   parameters  of the shapes that the step declared
   states      receives a handle for each state, [rows x leaves + nodes]: of the leaves, then of the nodes. After
               recurrent_graph_backward the gradient of a column includes what its parents add */
recurrent_status recurrent_graph_forest(recurrent_graph graph, recurrent_program program, recurrent_mat x,
                                        const int64_t *children, int64_t child_count, const recurrent_mat *leaves,
                                        int64_t leaf_count, const recurrent_mat *parameters, int64_t parameter_count,
                                        recurrent_mat *states);

/* Records one application of a program: its step on one node, or on each of B columns. The result is computed on first
   access, together with all applications of the program with these parameters that wait for the same number of others, as
   recurrent_graph_forest computes the nodes of one height. A parameter whose w is pinned makes each application alone.
   x            [inputs x B]; 0 for a step without
   states       those of the children, [rows x B] each, those of the first child first; 0 for zeros. state_count is 0 for a
                node without children
   parameters   of the shapes that the step declared
   next_states  receives a handle for each state, [rows x B] */
recurrent_status recurrent_graph_apply(recurrent_graph graph, recurrent_program program, recurrent_mat x,
                                       const recurrent_mat *states, int64_t state_count,
                                       const recurrent_mat *parameters, int64_t parameter_count,
                                       recurrent_mat *next_states);

/* ------------------------------------------------------------------ Sampling

   A sampler's settings, with their defaults:
     {"temperature": 1, "top_k": null, "top_p": 1, "min_p": 0, "repetition_penalty": 1, "repetition_window": 64}
   Applied in order: repetition penalty, temperature, softmax, then top-k, top-p and min-p, each on the tokens that the
   previous filter kept.
     temperature         divides the scores, >= 0; 0 selects the largest score
     top_k               keeps the k most probable tokens, of equals the first; null keeps all
     top_p               keeps the most probable tokens until their probabilities sum to top_p, 0 < top_p <= 1
     min_p               keeps tokens with p >= min_p * max p, 0 <= min_p <= 1
     repetition_penalty  divides a positive score of a token in the window, multiplies a negative one; > 0
     repetition_window   number of latest tokens that count as repeated, >= 0 */

/* Computes the softmax of each column as a new Mat; no graph, no gradient. */
recurrent_status recurrent_softmax(recurrent_mat m, recurrent_mat *out);

/* Finds the index of the largest of `count` values, the first of equals. A NaN gives RECURRENT_BAD_VALUE. */
recurrent_status recurrent_argmax(recurrent_dtype dtype, const void *values, int64_t count, int64_t *index);

/* Draws an index with probability proportional to `count` weights, each >= 0, not all 0. */
recurrent_status recurrent_sample(recurrent_dtype dtype, const void *weights, int64_t count, recurrent_random random,
                                  int64_t *index);

/* Computes the probabilities, which sum to 1, that a sampler gives to `count` scores.
   settings  a sampler's, or NULL with length 0 for the softmax of the scores
   history   [history_length] tokens 0 .. count-1 in the order of time */
recurrent_status recurrent_probabilities(recurrent_dtype dtype, const void *scores, int64_t count, const char *settings,
                                         int64_t settings_length, const int64_t *history, int64_t history_length,
                                         void *probabilities);

/* ------------------------------------------------------------------ Network: recurrent layers and a decoder */

/* Creates a network. Settings, with their defaults ("cell", "input_size" and "hidden_sizes" are required):
     {"cell": "lstm", "input_size": 65, "hidden_sizes": [128, 128], "output_size": null, "embedding": null,
      "tied": false, "dropout": 0, "forget_bias": 1, "init": "uniform", "learned_initial_state": false,
      "residual": false, "variational": false, "bidirectional": false, "dtype": "float32"}
   cell          "rnn_tanh", "rnn_relu", "lstm", "gru" (resets after the product: PyTorch, cuDNN), or
                 "gru_reset_before" (resets before the product: Cho et al., arXiv:1406.1078), "min_gru", "min_lstm"
                 (arXiv:2410.01201), "ind_rnn" (arXiv:1803.04831), "lstm_peephole" (arXiv:1308.0850), "lstm_coupled"
                 (input and forget gate: arXiv:1503.04069), "sru" (arXiv:1709.02755), "mgu" (arXiv:1603.09420),
                 "li_gru" (arXiv:1803.10225);
                 or one of the first five with options, each of which may be absent: {"name": "lstm", "norm": "none"
                 ("joint": all gates together, "gate": each by itself), "peephole": false, "coupled": false,
                 "projection": null, "zoneout_h": 0, "zoneout_c": 0, "leak": 1, "input_dropout": 0,
                 "recurrent_dropout": 0, "candidate_dropout": 0, "weight_dropout": 0};
                 or a cell of the caller's own: {"name": "leaky", "states": ["h"], "layers": [...]}, with the names of
                 its states, the first the output, and for each layer a program as recurrent_program_describe writes it
   hidden_sizes  units of each layer, bottom layer first; at most 1000 layers
   embedding     null: the input is input_size numbers, or tokens that stand for one-hot columns. Else tokens
                 0 .. input_size-1, looked up in a table Wil of input_size rows and `embedding` columns
   output_size   null: the output is the top layer's. Else Whd h + bd, output_size rows
   tied          the decoder is Wil h + bd and has no Whd (arXiv:1608.05859); embedding equals the top layer's size
   dropout       probability that an element between layers is zeroed in training: by recurrent_network_train_step,
                 and by recurrent_network_forward_sequence with training 1
   forget_bias   initial value of the forget biases of an LSTM and its variants, bf0 ...; -1 times it that of bi0 ... of
                 "coupled" ones; other cells ignore it. 1 wherever a network is created, but for RecurrentJS's
   init          what the matrices are drawn from: "uniform", on +-0.08; a number r >= 0, uniform on +-r; "glorot", uniform
                 on +-sqrt(6 / (n + d)), each gate by itself; "orthogonal" (arXiv:1312.6120) or "identity": of the
                 recurrent matrices, named W...h, each gate by itself, and the others as "glorot". With a name other than
                 "uniform" the table Wil, tied or not, is uniform on +-0.08
   learned_initial_state
                 the initial states are parameters, [rows x 1] and 0 at first, the same for all sequences that begin:
                 hs0 is that of state h of layer 0, after the other parameters of its layer
   residual      each layer above the lowest adds its input to its output; all layers have one width
   variational   dropout masks the input of every layer, the lowest one's too, with one mask for all time steps of a
                 sequence (arXiv:1512.05287); of one-hot tokens it drops tokens
   bidirectional each layer runs in both directions, the reverse one from the last valid step to the first; the layer
                 above, or the decoder, reads both outputs, the forward ones first. Parameters and states of the reverse
                 direction have the suffix r, Wix0r; in a state it follows the forward direction of its layer. Refused by
                 text models, generators, beam search and single steps
   Parameters have RecurrentJS's names: Wil, then Wix0 Wih0 bi0 Wfx0 ... bc0 Wix1 ... (LSTM), Wxh0 Whh0 bhh0 ... (RNN),
   Wrx0 Wrh0 br0 Wzx0 ... bn0 bnh0 ... (GRU; bnh for "gru"), then Whd bd. `random` draws the matrices in this
   order, as "init" says; other biases are 0. The parameters of a program have the layer's number after their names;
   those with an initial value have it. The network keeps `random` and draws dropout masks from it. */
recurrent_status recurrent_network_create(const char *settings, int64_t length, recurrent_random random,
                                          recurrent_network *network);
recurrent_status recurrent_network_free(recurrent_network network);

/* Writes all settings as recurrent_network_create takes them, but for options of the layers that are false, and "init":
   the weights, here and in files, replace what they were drawn from. */
recurrent_status recurrent_network_describe(recurrent_network network, char *settings, int64_t capacity,
                                            int64_t *length);

/* Creates the program of layer `index`, from 0 for the bottom layer: its step, of a built-in cell too. Both directions of
   a layer have the same. Its parameters stack those of the network that its text lists as their "parts". */
recurrent_status recurrent_network_program(recurrent_network network, int64_t index, recurrent_program *program);

/* Sets matrices and biases of the layers to new initial values. Settings, of which null and absent ones change nothing:
     {"input": "glorot", "recurrent": "orthogonal", "chrono": 100}
   input, recurrent  of the matrices of each gate, named W...x (and Wxh0), and W...h: "orthogonal" (arXiv:1312.6120),
                     "glorot", uniform on +-sqrt(6 / (n + d)), "identity" (of ReLU layers: arXiv:1504.00941),
                     "uniform", on +-0.08, or a number for another range of it
   chrono            the longest memory in time steps, above 2: the biases of the gates of an LSTM, a GRU and the minimal
                     ones are +-log u, with u uniform on [1, chrono - 1) for each unit (arXiv:1804.11188)
   `random` draws the inputs' matrices in the order of creation, the recurrent ones, and the biases layer by layer. */
recurrent_status recurrent_network_initialize(recurrent_network network, const char *settings, int64_t length,
                                              recurrent_random random);

/* Sets the dropout probability p, 0 <= p < 1, and the generator of the masks: each pass of training draws one value for
   every element of every layer's output but the top one's; of a variational network one for every row of every layer's
   input and every sequence. The network keeps `random`. With p = 0 `random` may be 0. */
recurrent_status recurrent_network_set_dropout(recurrent_network network, double p, recurrent_random random);

/* Returns a parameter by name: a view of the network's memory. */
recurrent_status recurrent_network_parameter(recurrent_network network, const char *name, int64_t length,
                                             recurrent_mat *mat);

/* Counts the parameters; and writes the name of one, in creation order. 128 bytes suffice. */
recurrent_status recurrent_network_parameter_count(recurrent_network network, int64_t *count);
recurrent_status recurrent_network_parameter_name(recurrent_network network, int64_t index, char *name,
                                                  int64_t capacity, int64_t *length);

/* Returns all weights as one column, with all gradients: for optimizers and averaging. */
recurrent_status recurrent_network_flat(recurrent_network network, recurrent_mat *flat);

/* Records one time step: x [input_size x B] and the state that the previous call returned.
   h, c            one handle for each layer; NULL: the sequences begin. c is NULL unless the cell is an LSTM; of a cell of
                   the caller's own it holds the states after the first, for each a handle for each layer.
   next_h, next_c  receive one handle for each layer; next_c is NULL unless the cell is an LSTM.
   out             receives the scores [output_size x B]. */
recurrent_status recurrent_network_forward(recurrent_network network, recurrent_graph graph, recurrent_mat x,
                                           const recurrent_mat *h, const recurrent_mat *c, recurrent_mat *next_h,
                                           recurrent_mat *next_c, recurrent_mat *out);

/* ------------------------------------------------------------------ Network: sequences in the caller's memory

   T time steps of B sequences, time-major: element i of step t of sequence b is x[(t * B + b) * rows + i], as in a
   C-contiguous array (T, B, rows). All values have the network's dtype.

   x, tokens    the input: x [T * B * input_size], for a network without embedding, or tokens [T * B]; the other is NULL
   state        recurrent_network_state_count elements: h of every layer, bottom layer first, each [B * H] with the H
                elements of sequence b contiguous; then for an LSTM c of every layer in the same layout, and of a cell
                of the caller's own each further state. NULL: the sequences begin, with zeros or with the learned
                initial states
   lengths      [B] valid steps of each sequence, 0 .. T; NULL: T. Padding steps are masked: their outputs are 0 and the
                final state is the one after the last valid step. Elements of padding steps are never read: x, tokens,
                targets and dy may hold anything there, NaN too
   resets       [T * B] 1 where a sequence begins, else 0; NULL: nowhere. The state before such a step is that of sequences
                that begin, and no gradient passes. Not with two directions */

/* Shared. Counts the elements of the state of `batch_size` sequences. */
recurrent_status recurrent_network_state_count(recurrent_network network, int64_t batch_size, int64_t *count);

/* Shared. Writes the state of `batch_size` sequences that begin: zeros, or the learned initial states.
   state  receives recurrent_network_state_count elements */
recurrent_status recurrent_network_initial_state(recurrent_network network, int64_t batch_size, void *state);

/* Computes outputs y [T * B * rows], rows being output_size or the top layer's size.
   training     1: dropout acts, as in recurrent_network_train_step, and recurrent_network_backward_sequence uses the same
                masks; 0: without dropout. A refused call leaves the generator of the masks as it was
   final_state  may be NULL, or equal to state */
recurrent_status recurrent_network_forward_sequence(recurrent_network network, const void *x, const int64_t *tokens,
                                                    int64_t T, int64_t B, const void *state, const int64_t *lengths,
                                                    const int64_t *resets, int32_t training, void *y,
                                                    void *final_state);

/* Shared. Computes the outputs of recurrent_network_forward_sequence without dropout, bit for bit, and keeps nothing for
   recurrent_network_backward_sequence: an earlier forward stays the last one. final_state may be NULL, or equal to
   state. */
recurrent_status recurrent_network_infer_sequence(recurrent_network network, const void *x, const int64_t *tokens,
                                                  int64_t T, int64_t B, const void *state, const int64_t *lengths,
                                                  const int64_t *resets, void *y, void *final_state);

/* Backpropagates through the last recurrent_network_forward_sequence, once for each forward. Accumulates into the
   parameters' gradients.
   dy [as y];  dfinal [as state], NULL for zeros;  dx receives [as x] and dstate [as state], either may be NULL; dx is
   NULL for tokens. */
recurrent_status recurrent_network_backward_sequence(recurrent_network network, const void *dy, const void *dfinal,
                                                     void *dx, void *dstate);

/* Copies one activation of one layer from the last recurrent_network_forward_sequence. Available until backward.
   name    a name and a layer's index from 0: the states of the cell, h and of an LSTM c, and what its step names: LSTM
           gates i f o and candidate g; GRU gates r z and candidate n. "f1" is the second layer's forget gate, "f1r" that
           of its reverse direction
   values  receives [T * B * H], H being the layer's size; 0 at padding steps */
recurrent_status recurrent_network_activation(recurrent_network network, const char *name, int64_t length,
                                              void *values);

/* Runs forward, loss, backward, clipping and the optimizer's step.
   classes        [T * B] targets 0 .. rows-1, -1 for none: mean cross-entropy in nats; or NULL and
   values         [T * B * rows] targets: mean squared error
   learning_rate  >= 0, or NAN for the optimizer's own
   weight_decay   fraction of each weight that the step subtracts besides, >= 0
   clip           threshold of the optimizer's clipping, > 0; INFINITY for none
   memory         bytes of the values that the step computes; 0 for as many as they need. Longer sequences are computed in
                  parts of time steps, twice: the gradient is the same up to rounding, and a step takes up to a third
                  longer (arXiv:1604.06174). Refused for two directions and for masks of whole sequences
   The gradients are set to 0 first, so that those of earlier calls of backward do not count.
   If a gradient, or a weight after the step, is infinite or NaN, returns RECURRENT_NOT_FINITE with the cause: x, targets,
   state or a parameter that is not finite, with its index, or else the gradient or the weight. The weights are
   unchanged. result may be NULL. */
recurrent_status recurrent_network_train_step(recurrent_network network, recurrent_optimizer optimizer, const void *x,
                                              const int64_t *tokens, const int64_t *classes, const void *values,
                                              int64_t T, int64_t B, const void *state, const int64_t *lengths,
                                              const int64_t *resets, double learning_rate, double weight_decay,
                                              double clip, int64_t memory, void *final_state,
                                              recurrent_step_result *result);

/* Shared. Computes the mean loss without updating the weights. An infinite or NaN loss gives RECURRENT_NOT_FINITE. */
recurrent_status recurrent_network_loss(recurrent_network network, const void *x, const int64_t *tokens,
                                        const int64_t *classes, const void *values, int64_t T, int64_t B,
                                        const void *state, const int64_t *lengths, const int64_t *resets,
                                        void *final_state, double *loss);

/* Computes the mean loss and its gradients, which replace those of earlier calls, without updating the weights; dropout
   acts, as in recurrent_network_train_step. A sum over several machines comes before recurrent_optimizer_step_network.
   An infinite or NaN loss gives RECURRENT_NOT_FINITE; the gradients are 0 then. */
recurrent_status recurrent_network_gradient(recurrent_network network, const void *x, const int64_t *tokens,
                                            const int64_t *classes, const void *values, int64_t T, int64_t B,
                                            const void *state, const int64_t *lengths, const int64_t *resets,
                                            void *final_state, double *loss);

/* Shared. Runs one time step of one sequence, without a graph and without allocation.
   token        for a network with embedding; without one x [input_size], or NULL and a token
   state        [recurrent_network_state_count(1)], updated in place; recurrent_network_initial_state begins a sequence
   y            receives [rows]; NULL skips the decoder */
recurrent_status recurrent_network_step(recurrent_network network, int64_t token, const void *x, void *state, void *y);

/* Shared. Searches for the most probable continuations of `prompt`, keeping 1 to 4096 beams at each step; most probable first,
   each of max_tokens tokens, or fewer where `end` ends it.
   prompt             [prompt_length], at least 1 token
   end                a token that ends a continuation and is not part of it, or -1
   state              [recurrent_network_state_count(1)], not changed; NULL: the sequence begins
   tokens             [beams * max_tokens]: continuation i at tokens[i * max_tokens], padded with -1
   lengths            [beams] tokens of each
   log_probabilities  [beams] sums of ln p over the tokens and the end
   count              receives the number of continuations, at most `beams` */
recurrent_status recurrent_network_beam_search(recurrent_network network, const int64_t *prompt, int64_t prompt_length,
                                               int64_t max_tokens, int64_t beams, int64_t end, const void *state,
                                               int64_t *tokens, int64_t *lengths, double *log_probabilities,
                                               int64_t *count);

/* ------------------------------------------------------------------ Generator: a sequence in the making

   A generator reads a prompt, then produces tokens, each drawn from the network's scores and read in turn. It keeps the
   network's state, the repetition window and, for text, the bytes held back: those of an incomplete character and a
   possible beginning of a stop string. The tokens do not depend on how many calls produce them. A failed call leaves
   the generator and `random` as they were. Shared: generators of one network may run concurrently, each in one thread
   at a time.

   Settings: a sampler's, and
     {"max_tokens": null, "end": null, "stop": [], "errors": "strict", "replacement": null}
   max_tokens   tokens to produce, 0 .. 2^53; null for no limit
   end          a token that ends the sequence and is not part of it
   stop         strings that end a text and are not part of it; none is empty
   errors       characters of the prompt outside the vocabulary: "strict" gives RECURRENT_BAD_VALUE naming the
                character, "ignore" skips it, "replace" reads the one-character string `replacement` instead
   "stop", "errors" and "replacement" are for text alone. */

/* Creates a generator over the tokens of a network whose outputs score its own inputs.
   settings  NULL with length 0 for the defaults
   prompt    [prompt_length], at least 1 token
   history   [history_length] tokens before the prompt, for the repetition penalty
   state     [recurrent_network_state_count(1)], copied; NULL: the sequence begins
   random    draws the tokens, kept by the generator; 0 takes the most probable token each time */
recurrent_status recurrent_generator_create(recurrent_network network, const char *settings, int64_t settings_length,
                                            const int64_t *prompt, int64_t prompt_length, const int64_t *history,
                                            int64_t history_length, const void *state, recurrent_random random,
                                            recurrent_generator *generator);

/* Creates a generator of text. The prompt is not part of the text. An empty prompt stands for the default prompt: the
   boundary token of a "sentences" tokenizer (whose boundary token is then the default `end`); else "\n", or " " where
   the vocabulary has no "\n", or token 0. */
recurrent_status recurrent_generator_create_text(recurrent_text_model model, const char *settings,
                                                 int64_t settings_length, const char *prompt, int64_t prompt_length,
                                                 recurrent_random random, recurrent_generator *generator);
recurrent_status recurrent_generator_free(recurrent_generator generator);

/* Produces at most max_tokens tokens. *count is smaller than max_tokens only when the sequence has ended.
   tokens             receives at most max_tokens tokens
   log_probabilities  receives ln p of each by the softmax of the network's scores; may be NULL */
recurrent_status recurrent_generator_next(recurrent_generator generator, int64_t max_tokens, int64_t *tokens,
                                          double *log_probabilities, int64_t *count);

/* Produces at most max_tokens tokens and writes the text that is certain: UTF-8, and with a "bytes" tokenizer the bytes
   as they are, valid UTF-8 or not. Bytes held back follow with a later call, or with the call that reaches the end.
   capacity: 4 * (max_tokens + 64) bytes and the longest stop string suffice.
   has_ended  receives 1 when the text is complete, else 0 */
recurrent_status recurrent_generator_next_text(recurrent_generator generator, int64_t max_tokens, char *text,
                                               int64_t capacity, int64_t *length, int32_t *has_ended);

/* As recurrent_generator_next_text, in whole characters: always valid UTF-8. U+FFFD replaces the bytes of a "bytes"
   tokenizer that are no character, and an incomplete character at the end is omitted. The two functions hold back bytes
   of their own: a generator uses one of them.
   capacity: 4 * (max_tokens + 64) bytes and three times the longest stop string suffice. */
recurrent_status recurrent_generator_next_characters(recurrent_generator generator, int64_t max_tokens, char *text,
                                                     int64_t capacity, int64_t *length, int32_t *has_ended);

/* Produces at most max_tokens tokens of each of `count` generators of one network at once, 1 to 4096: each time step is one
   product of matrices for all of them. Each produces what it would alone, bit for bit; prompts, settings and the numbers of
   tokens may differ. Each generator occurs once and has a `random` of its own, or none. The threads of the library share
   the generators. A failed call leaves all of them as they were.
   tokens             receives [count * max_tokens]: those of generator i at tokens[i * max_tokens]
   log_probabilities  receives ln p of each in the same layout; may be NULL
   counts             receives [count] numbers of tokens */
recurrent_status recurrent_generators_next(const recurrent_generator *generators, int64_t count, int64_t max_tokens,
                                           int64_t *tokens, double *log_probabilities, int64_t *counts);

/* Produces at most max_tokens tokens of each of several generators of text, as recurrent_generators_next, and writes each
   text as recurrent_generator_next_text does.
   text        [count * capacity]: that of generator i at text[i * capacity]
   capacity    for each generator as for recurrent_generator_next_text
   lengths     receives [count]
   have_ended  receives [count]: 1 for a text that is complete, else 0 */
recurrent_status recurrent_generators_next_text(const recurrent_generator *generators, int64_t count,
                                                int64_t max_tokens, char *text, int64_t capacity, int64_t *lengths,
                                                int32_t *have_ended);

/* Copies the network's state after the last token but one: the last token has been produced, not read. */
recurrent_status recurrent_generator_state(recurrent_generator generator, void *state);

/* ------------------------------------------------------------------ Optimizer */

/* Creates an optimizer; "name" is required. torch.optim's algorithms:
     {"name": "sgd", "learning_rate": 0.001, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": false}
     {"name": "adagrad", "learning_rate": 0.01, "learning_rate_decay": 0, "weight_decay": 0,
      "initial_accumulator_value": 0, "eps": 1e-10}
     {"name": "rmsprop", "learning_rate": 0.01, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0,
      "centered": false, "bias_correction": true}
     {"name": "adam", "learning_rate": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0, "amsgrad": false}
     {"name": "adamw", "learning_rate": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01,
      "amsgrad": false}
   and RecurrentJS's RMSProp,
   s = decay_rate s + (1 - decay_rate) g^2,  w = w - learning_rate clip(g) / sqrt(s + smooth_eps) - weight_decay w:
     {"name": "recurrentjs", "learning_rate": 0.01, "decay_rate": 0.999, "smooth_eps": 1e-8}
   bias_correction divides rmsprop's mean of squares by 1 - alpha^t, t counting steps from 1; false is PyTorch's.
   Each takes "clipping" as well: "value" bounds every gradient by `clip`; "tensor_norm" scales the gradients of each
   named Mat by min(1, clip / (norm + 1e-6)); "global_norm" scales all gradients by one such factor.
   Each takes "groups", factors of the learning rate and of weight decay by patterns of parameters' names:
     {"groups": {"b*": {"learning_rate": 2, "weight_decay": 0}}}
   In a pattern * stands for any characters and ? for one; an absent factor is 1. The factors multiply the learning rate
   and the weight decay of the settings and of each step; a learning rate of 0 freezes, without weight decay. A pattern of
   no parameter, and a parameter of two patterns, give RECURRENT_BAD_VALUE at the first step. */
recurrent_status recurrent_optimizer_create(const char *settings, int64_t length, recurrent_optimizer *optimizer);
recurrent_status recurrent_optimizer_free(recurrent_optimizer optimizer);

/* Writes all settings as recurrent_optimizer_create takes them; 512 bytes suffice without groups. */
recurrent_status recurrent_optimizer_describe(recurrent_optimizer optimizer, char *settings, int64_t capacity,
                                              int64_t *length);

/* Reads and sets the learning rate, >= 0. It is one of the settings and is saved with them. */
recurrent_status recurrent_optimizer_get_learning_rate(recurrent_optimizer optimizer, double *learning_rate);
recurrent_status recurrent_optimizer_set_learning_rate(recurrent_optimizer optimizer, double learning_rate);

/* Updates `count` named Mats and sets their gradients to 0. The state belongs to the Mats of the first step: another Mat
   of the same name is RECURRENT_BAD_VALUE, so that each network has an optimizer of its own.
   learning_rate, weight_decay, clip   as for recurrent_network_train_step
   If a gradient, or a weight after the step, is infinite or NaN, returns RECURRENT_NOT_FINITE with the Mat's name;
   nothing has changed. result may be NULL. */
recurrent_status recurrent_optimizer_step(recurrent_optimizer optimizer, const char *const *names,
                                          const int64_t *lengths, const recurrent_mat *mats, int64_t count,
                                          double learning_rate, double weight_decay, double clip,
                                          recurrent_step_result *result);

/* Updates all parameters of a network. */
recurrent_status recurrent_optimizer_step_network(recurrent_optimizer optimizer, recurrent_network network,
                                                  double learning_rate, double weight_decay, double clip,
                                                  recurrent_step_result *result);

/* Counts the names that were updated; and writes one, in the order of their first update. */
recurrent_status recurrent_optimizer_name_count(recurrent_optimizer optimizer, int64_t *count);
recurrent_status recurrent_optimizer_name(recurrent_optimizer optimizer, int64_t index, char *name, int64_t capacity,
                                          int64_t *length);

/* Reads the number of steps that a named Mat has made; RECURRENT_BAD_INDEX before the first. */
recurrent_status recurrent_optimizer_steps(recurrent_optimizer optimizer, const char *name, int64_t length,
                                           int64_t *steps);

/* The algorithm's state variables, by PyTorch's names ("exp_avg"; RecurrentJS's is "step_cache"): their number, the
   name of one, and the live Mat of one for a named Mat; RECURRENT_BAD_INDEX before that name's first step. */
recurrent_status recurrent_optimizer_state_count(recurrent_optimizer optimizer, int64_t *count);
recurrent_status recurrent_optimizer_state_name(recurrent_optimizer optimizer, int64_t index, char *name,
                                                int64_t capacity, int64_t *length);
recurrent_status recurrent_optimizer_state(recurrent_optimizer optimizer, int64_t index, const char *name,
                                           int64_t length, recurrent_mat *state);

/* Replaces the state of all names, such as by that of another optimizer. The next step of a name continues with its
   state, whichever Mat of the same shape and type it is of.
   settings        as recurrent_optimizer_describe writes them: this optimizer's but for "learning_rate", which is set
   names, lengths  [count] distinct names
   steps           [count] steps that each name has made
   states          [count * number of state variables] Mats, those of a name together, which are copied
   A mismatch, or an infinite or NaN element, gives a status; nothing has changed. */
recurrent_status recurrent_optimizer_load_state(recurrent_optimizer optimizer, const char *settings,
                                                int64_t settings_length, const char *const *names,
                                                const int64_t *lengths, const int64_t *steps,
                                                const recurrent_mat *states, int64_t count);

/* ------------------------------------------------------------------ Text model

   A tokenizer, a network that reads tokens and scores the next one, an optimizer, the state of training, and metadata.
   All of it is saved in one file.

   Tokenizers:
     "characters"  the Unicode scalars of the given texts, numbered from 0 by code point
     "bytes"       the 256 bytes
     "sentences"   RecurrentJS's: token 0 is the boundary that opens and closes every sentence; then the characters of
                   the given texts that are not blank, digits first, then in the order of their first occurrence
     "words", "bpe", "custom"   those of the `tokenizers` package, which Python uses: tokens are numbers here, and the
                   functions of text, and of characters, give RECURRENT_BAD_VALUE with the tokenizer's name.
                   recurrent_generator_create generates tokens of the model's network */

/* What happens to a character outside the vocabulary: an error that names it; it is skipped; it is replaced. */
typedef int32_t recurrent_errors;
enum { RECURRENT_ERRORS_STRICT = 0, RECURRENT_ERRORS_IGNORE = 1, RECURRENT_ERRORS_REPLACE = 2 };

/* Creates a text model. Settings, with their defaults:
     {"tokenizer": "characters", "cell": "lstm", "hidden_sizes": [128, 128], "embedding": null, "tied": false,
     "dropout": 0, "forget_bias": 1, "init": "uniform", "learned_initial_state": false, "residual": false,
     "variational": false, "dtype": "float32"}
   Except for "tokenizer", as for recurrent_network_create; embedding null reads one-hot columns. "words", "bpe" and
   "custom" need "vocabulary_size" besides, the number of tokens; the others refuse it.
   texts, lengths  [count] texts that give the vocabulary; unused for "bytes"; of "words", "bpe" and "custom" the one
                   text is the tokenizer's JSON, which is kept as it is
   random          draws the weights; then, except for "sentences", the seed of the model's own generator, which draws
                   the dropout masks */
recurrent_status recurrent_text_model_create(const char *settings, int64_t settings_length, const char *const *texts,
                                             const int64_t *lengths, int64_t count, recurrent_random random,
                                             recurrent_text_model *model);
recurrent_status recurrent_text_model_free(recurrent_text_model model);

/* Writes all settings as recurrent_text_model_create takes them, but for options of the layers that are false, and
   "init". */
recurrent_status recurrent_text_model_describe(recurrent_text_model model, char *settings, int64_t capacity,
                                               int64_t *length);

typedef struct recurrent_text_model_info {
  int64_t vocabulary_size; /* tokens */
  int64_t step;            /* training steps made */
  int64_t batch_size;      /* sequences with a carried state; 0 before the first step and after reset_state */
} recurrent_text_model_info;
recurrent_status recurrent_text_model_get_info(recurrent_text_model model, recurrent_text_model_info *info);

/* Copies the code points (or bytes) of the tokens, that of token k to element k; 0 for a boundary token. `capacity` in
   elements. */
recurrent_status recurrent_text_model_vocabulary(recurrent_text_model model, uint32_t *vocabulary, int64_t capacity);

/* Writes the JSON of a "words", "bpe" or "custom" tokenizer as it was given; "" for the others. json NULL with capacity 0
   reports the length alone. */
recurrent_status recurrent_text_model_tokenizer(recurrent_text_model model, char *json, int64_t capacity,
                                                int64_t *length);

/* Returns the network: its own handle, which the caller frees. */
recurrent_status recurrent_text_model_network(recurrent_text_model model, recurrent_network *network);

/* Returns the optimizer; RECURRENT_INVALIDATED before one is set. An optimizer that is set is shared, not copied. */
recurrent_status recurrent_text_model_optimizer(recurrent_text_model model, recurrent_optimizer *optimizer);
recurrent_status recurrent_text_model_set_optimizer(recurrent_text_model model, recurrent_optimizer optimizer);

/* Reads and sets the caller's text under a key, saved with the model. An absent key has the value "". text NULL with
   capacity 0 reports the length alone. */
recurrent_status recurrent_text_model_get_metadata(recurrent_text_model model, const char *key, int64_t key_length,
                                                   char *text, int64_t capacity, int64_t *length);
recurrent_status recurrent_text_model_set_metadata(recurrent_text_model model, const char *key, int64_t key_length,
                                                   const char *text, int64_t length);

/* Converts a text to tokens; with a "bytes" tokenizer, any bytes. capacity in tokens: `length` suffices.
   replacement    a character of the vocabulary, for RECURRENT_ERRORS_REPLACE */
recurrent_status recurrent_text_model_encode(recurrent_text_model model, const char *text, int64_t length,
                                             recurrent_errors errors, uint32_t replacement, int64_t *tokens,
                                             int64_t capacity, int64_t *count);

/* Converts `count` tokens to text: UTF-8, and with a "bytes" tokenizer the bytes as they are, valid UTF-8 or not; a
   boundary token stands for nothing. capacity: at least 4 * count bytes. */
recurrent_status recurrent_text_model_decode(recurrent_text_model model, const int64_t *tokens, int64_t count,
                                             char *text, int64_t capacity, int64_t *length);

/* Trains on the next T tokens of B sequences, time-major, from the state that the previous step left.
   tokens, targets   [T * B] each, targets being the token after each; -1 for none
   resets            [T * B] 1 where a document begins, else 0: the state before such a step is that of sequences that
                     begin; NULL: nowhere
   bptt_length       the last time steps, 1 .. T, through which gradients pass and whose targets count; the others only
                     advance the state. 0 for T
   overlap           the last time steps, 0 .. bptt_length, that the next step reads again: it begins with the state
                     before them
   learning_rate, weight_decay, clip   as for recurrent_network_train_step
   Truncated backpropagation through time that updates every k1 time steps and passes gradients through k2 of them
   (BPTT(k2; k1), Williams and Peng, 1990): for k2 < k1, T = k1 and bptt_length = k2; for k2 > k1, T = k2, overlap =
   k2 - k1 and targets -1 in the first k2 - k1 steps, after first steps that begin with their sequences, of k1, 2 k1 ...
   time steps and an overlap of all while there are fewer than k2 - k1.
   If a gradient, or a weight after the step, is infinite or NaN, returns RECURRENT_NOT_FINITE with the parameter's name;
   nothing has changed. result may be NULL. */
recurrent_status recurrent_text_model_train_step(recurrent_text_model model, const int64_t *tokens,
                                                const int64_t *targets, int64_t T, int64_t B, const int64_t *resets,
                                                int64_t bptt_length, int64_t overlap, double learning_rate,
                                                double weight_decay, double clip, recurrent_step_result *result);

/* Discards the carried state: with the next step sequences begin, any number of them. */
recurrent_status recurrent_text_model_reset_state(recurrent_text_model model);

/* Copies the carried state; RECURRENT_INVALIDATED before the first step and after reset_state.
   state  receives recurrent_network_state_count elements for the batch_size of recurrent_text_model_get_info */
recurrent_status recurrent_text_model_get_state(recurrent_text_model model, void *state);

/* Sets the carried state and the number of training steps made, as after steps that were made on the network itself.
   state       [recurrent_network_state_count(batch_size)], copied; NULL with batch_size 0: none, as after reset_state
   step        0 to 2^53 */
recurrent_status recurrent_text_model_set_state(recurrent_text_model model, const void *state, int64_t batch_size,
                                                int64_t step);

/* Returns the generator that draws the dropout masks: its own handle, which the caller frees. */
recurrent_status recurrent_text_model_random(recurrent_text_model model, recurrent_random *random);

/* Evaluates -ln p of each of `count` tokens but the first, given the tokens before it. The tokens are split into
   `batch_size` equal parts evaluated in parallel, each from its beginning; 1 gives the exact value, more is faster.
   A call evaluates at most max_steps time steps of ceil((count - 1) / batch_size), so that the caller can stop between
   two calls.
   resets  [count] 1 where a document begins, else 0: the state before such a token is that of sequences that begin;
           NULL: nowhere
   state   [recurrent_network_state_count(batch_size)], read from the second call on, updated in place
   step    0 at first; advances to the number of time steps evaluated so far
   nats    0 at first; the sum of -ln p so far. After the last step, divide by count - 1 */
recurrent_status recurrent_text_model_evaluate(recurrent_text_model model, const int64_t *tokens, const int64_t *resets,
                                               int64_t count, int64_t batch_size, int64_t max_steps, void *state,
                                               int64_t *step, double *nats);

/* Writes one safetensors file with a checksum, together with everything needed to resume training. A crash leaves the
   old file or the new one. The target of a symlink is written; a directory, a pipe or a device gives RECURRENT_IO. An
   infinite or NaN weight or state gives RECURRENT_NOT_FINITE with its name.
   overwrite     0: a file that exists gives RECURRENT_IO with EEXIST; 1: it is replaced, and its mode and owner kept
   weights_only  1: the file leaves out the optimizer; 0: it does not */
recurrent_status recurrent_text_model_save(recurrent_text_model model, const char *path, int64_t length,
                                           int32_t overwrite, int32_t weights_only);

/* Reads a saved model; training resumes to the same bits. A file that is damaged in any bit, truncated, of another
   version of the format, or not a text model gives RECURRENT_BAD_FORMAT. */
recurrent_status recurrent_text_model_load(const char *path, int64_t length, recurrent_text_model *model);

/* Writes and reads in memory what recurrent_text_model_save and recurrent_text_model_load do in a file. bytes NULL with
   capacity 0 reports the length alone. */
recurrent_status recurrent_text_model_write(recurrent_text_model model, int32_t weights_only, char *bytes,
                                            int64_t capacity, int64_t *length);
recurrent_status recurrent_text_model_read(const char *bytes, int64_t length, recurrent_text_model *model);

/* ------------------------------------------------------------------ Files of networks */

/* Writes one safetensors file, as recurrent_text_model_save does: the settings, the weights, the generator that draws
   dropout, and the metadata.
   optimizer  the network's, which is written with its state; 0: none is
   random     the generator that is written for a network without dropout; 0: that of seed 0
   overwrite  as for recurrent_text_model_save */
recurrent_status recurrent_network_save(recurrent_network network, recurrent_optimizer optimizer,
                                        recurrent_random random, const char *path, int64_t length, int32_t overwrite);

/* Reads a saved network; training resumes to the same bits. A file that is damaged in any bit, truncated, of another
   version of the format, or not a network gives RECURRENT_BAD_FORMAT.
   optimizer  receives the optimizer, 0 for none; may be NULL
   random     receives the generator, which draws the dropout of the network, if there is one; may be NULL */
recurrent_status recurrent_network_load(const char *path, int64_t length, recurrent_network *network,
                                        recurrent_optimizer *optimizer, recurrent_random *random);

/* Writes and reads in memory what recurrent_network_save and recurrent_network_load do in a file. bytes NULL with
   capacity 0 reports the length alone. */
recurrent_status recurrent_network_write(recurrent_network network, recurrent_optimizer optimizer,
                                         recurrent_random random, char *bytes, int64_t capacity, int64_t *length);
recurrent_status recurrent_network_read(const char *bytes, int64_t length, recurrent_network *network,
                                        recurrent_optimizer *optimizer, recurrent_random *random);

/* Reads and replaces the caller's texts by key, saved with the network: a JSON object of strings, {"author": "..."}. */
recurrent_status recurrent_network_get_metadata(recurrent_network network, char *metadata, int64_t capacity,
                                                int64_t *length);
recurrent_status recurrent_network_set_metadata(recurrent_network network, const char *metadata, int64_t length);

/* Writes the kind of a file, found in its header: "text_model", "network", or "recurrentjs" for JSON, as RecurrentJS
   writes it. A file of another format or version gives RECURRENT_BAD_FORMAT. */
recurrent_status recurrent_file_kind(const char *path, int64_t path_length, char *kind, int64_t capacity,
                                     int64_t *length);

/* ------------------------------------------------------------------ RecurrentJS

   RecurrentJS's sentence model is a text model with a "sentences" tokenizer and the "recurrentjs" optimizer. These
   functions give RECURRENT_BAD_VALUE for a text model with another tokenizer. */

/* As recurrent_text_model_create, with RecurrentJS's settings: "tokenizer" "sentences", "embedding" 5, "hidden_sizes"
   [20, 20], "forget_bias" 0, the optimizer {"name": "recurrentjs"}. */
recurrent_status recurrent_sentence_model_create(const char *settings, int64_t settings_length,
                                                 const char *const *sentences, const int64_t *lengths, int64_t count,
                                                 recurrent_random random, recurrent_text_model *model);

/* Trains on one sentence of n characters from a zero state: forward, backward, one optimizer step.
   learning_rate, regc, clipval  RecurrentJS's: 0.01, 1e-6, 5
   perplexity                    e^(loss / (n + 1)), before the update; may be NULL
   result                        its loss is the cost in nats, summed over the n + 1 predictions; may be NULL */
recurrent_status recurrent_sentence_model_tick(recurrent_text_model model, const char *sentence, int64_t length,
                                               double learning_rate, double regc, double clipval, double *perplexity,
                                               recurrent_step_result *result);

/* Computes the cost of a sentence and its perplexity (may be NULL), as recurrent_sentence_model_tick does, without a
   step. */
recurrent_status recurrent_sentence_model_cost(recurrent_text_model model, const char *sentence, int64_t length,
                                               double *cost, double *perplexity);

/* Writes and reads RecurrentJS's JSON, the optimizer's cache included. `overwrite` as for recurrent_text_model_save; a
   crash leaves the old file or the new one. */
recurrent_status recurrent_sentence_model_save(recurrent_text_model model, const char *path, int64_t length,
                                               int32_t overwrite);
recurrent_status recurrent_sentence_model_load(const char *path, int64_t length, recurrent_dtype dtype,
                                               recurrent_text_model *model);

/* ------------------------------------------------------------------ Threads */

/* Sets the number of threads of large operations, 1 to 256. Default: RECURRENT_NUM_THREADS, else the cores available to
   the process. Results are the same bits at any number. Threads start on first need, and again after a fork. */
recurrent_status recurrent_set_num_threads(int64_t count);
int64_t recurrent_get_num_threads(void);

/* ------------------------------------------------------------------ Interrupts */

/* A function that a long call runs on the caller's thread about every 20 milliseconds, between parts of its work. A
   number other than 0 stops the call, which returns RECURRENT_INTERRUPTED: nothing has changed, but that the gradients
   of a backward pass are incomplete. The function may use the library, but not the objects of the call: they give
   RECURRENT_BUSY. Calls that read or write files, and operations on one Mat other than products, run to their end. */
typedef int32_t (*recurrent_interrupt_check)(void);

/* Sets the function for all threads; NULL for none, the default. */
recurrent_status recurrent_set_interrupt_check(recurrent_interrupt_check check);

/* Returns 1 while the calling thread runs the function, else 0. */
int32_t recurrent_is_interrupt_check(void);

/* For Python: sets a function that runs the handlers of signals that have arrived, on the process's first thread, and
   keeps the exception that one of them raises. The arguments are the functions of CPython of these names; all of them
   are needed. */
recurrent_status recurrent_python_set_interrupt_check(const void *gil_state_ensure, const void *gil_state_release,
                                                      const void *err_check_signals, const void *err_fetch,
                                                      const void *err_restore);

/* For Python, with its lock held: raises the exception of a handler, which stopped the last call, and returns 1;
   returns 0 without one. */
int32_t recurrent_python_raise(void);

#ifdef __cplusplus
}
#endif

#endif
