// Trains a text model, streams text of a model that Python has trained, and reads the sentence of an error.
//
//	stream model.safetensors [prompt]
package main

// #cgo pkg-config: recurrent
// #include <recurrent.h>
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

// Error is a failed call: its status and its sentence.
type Error struct {
	Status   int
	Sentence string
}

func (e *Error) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Sentence) }

// The last error belongs to the thread: a call and the reading of its error stay on one.
func call(function func() C.recurrent_status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if status := function(); status != C.RECURRENT_OK {
		return &Error{int(status), C.GoString(C.recurrent_last_error())}
	}
	return nil
}

// The bytes of a text for a call, which copies them.
func bytes(text string) (*C.char, C.int64_t) {
	copy := append([]byte(text), 0)
	return (*C.char)(unsafe.Pointer(&copy[0])), C.int64_t(len(text))
}

// TextModel is a network with its tokenizer.
type TextModel struct{ handle C.recurrent_text_model }

// NewTextModel creates a model with the vocabulary of a text.
func NewTextModel(settings, text string, seed uint64) (*TextModel, error) {
	var random C.recurrent_random
	if err := call(func() C.recurrent_status { return C.recurrent_random_create(C.uint64_t(seed), &random) }); err != nil {
		return nil, err
	}
	defer C.recurrent_random_free(random)
	var model TextModel
	// an array of pointers lies in C's memory
	texts := (**C.char)(C.malloc(C.size_t(unsafe.Sizeof(uintptr(0)))))
	defer C.free(unsafe.Pointer(texts))
	*texts = C.CString(text)
	defer C.free(unsafe.Pointer(*texts))
	options, length := bytes(settings)
	size := C.int64_t(len(text))
	return &model, call(func() C.recurrent_status {
		return C.recurrent_text_model_create(options, length, texts, &size, 1, random, &model.handle)
	})
}

// Load reads a checkpoint.
func Load(path string) (*TextModel, error) {
	var model TextModel
	name, length := bytes(path)
	return &model, call(func() C.recurrent_status { return C.recurrent_text_model_load(name, length, &model.handle) })
}

// Free frees the model.
func (m *TextModel) Free() { C.recurrent_text_model_free(m.handle) }

// SetOptimizer creates the optimizer of the training.
func (m *TextModel) SetOptimizer(settings string) error {
	var optimizer C.recurrent_optimizer
	options, length := bytes(settings)
	if err := call(func() C.recurrent_status {
		return C.recurrent_optimizer_create(options, length, &optimizer)
	}); err != nil {
		return err
	}
	defer C.recurrent_optimizer_free(optimizer)
	return call(func() C.recurrent_status { return C.recurrent_text_model_set_optimizer(m.handle, optimizer) })
}

// Encode returns the tokens of a text.
func (m *TextModel) Encode(text string) ([]C.int64_t, error) {
	tokens := make([]C.int64_t, len(text)+1)
	var count C.int64_t
	characters, length := bytes(text)
	err := call(func() C.recurrent_status {
		return C.recurrent_text_model_encode(m.handle, characters, length, C.RECURRENT_ERRORS_STRICT, 0, &tokens[0],
			C.int64_t(len(tokens)), &count)
	})
	return tokens[:count], err
}

// Train makes a step on one sequence from its beginning, and returns the loss.
func (m *TextModel) Train(tokens []C.int64_t, learningRate float64) (float64, error) {
	var result C.recurrent_step_result
	if err := call(func() C.recurrent_status { return C.recurrent_text_model_reset_state(m.handle) }); err != nil {
		return 0, err
	}
	err := call(func() C.recurrent_status {
		return C.recurrent_text_model_train_step(m.handle, &tokens[0], &tokens[1], C.int64_t(len(tokens)-1), 1,
			nil, 0, 0, C.double(learningRate), 0, 5, &result)
	})
	return float64(result.loss), err
}

// Stream passes the parts of a text to a function, each of whole characters.
func (m *TextModel) Stream(settings, prompt string, seed uint64, part func(string)) error {
	const size = 10
	var random C.recurrent_random
	var generator C.recurrent_generator
	if err := call(func() C.recurrent_status { return C.recurrent_random_create(C.uint64_t(seed), &random) }); err != nil {
		return err
	}
	defer C.recurrent_random_free(random)
	options, length := bytes(settings)
	start, startLength := bytes(prompt)
	if err := call(func() C.recurrent_status {
		return C.recurrent_generator_create_text(m.handle, options, length, start, startLength, random, &generator)
	}); err != nil {
		return err
	}
	defer C.recurrent_generator_free(generator)
	var text [4 * (size + 64)]C.char
	var count C.int64_t
	for ended := C.int32_t(0); ended == 0; {
		if err := call(func() C.recurrent_status {
			return C.recurrent_generator_next_characters(generator, size, &text[0], C.int64_t(len(text)), &count, &ended)
		}); err != nil {
			return err
		}
		part(C.GoStringN(&text[0], C.int(count)))
	}
	return nil
}

func run(path, prompt string) error {
	const text = "hello help"
	model, err := NewTextModel(`{"cell": "lstm", "hidden_sizes": [20]}`, text, 7)
	if err != nil {
		return err
	}
	defer model.Free()
	if err := model.SetOptimizer(`{"name": "adam"}`); err != nil {
		return err
	}
	tokens, err := model.Encode(text)
	if err != nil {
		return err
	}
	loss := 0.0
	for step := 0; step < 100; step++ {
		if loss, err = model.Train(tokens, 0.01); err != nil {
			return err
		}
	}
	fmt.Printf("loss %.6f\n", loss)

	trained, err := Load(path)
	if err != nil {
		return err
	}
	defer trained.Free()
	fmt.Print(prompt)
	settings := `{"temperature": 0.8, "max_tokens": 120}`
	if err := trained.Stream(settings, prompt, 7, func(part string) { fmt.Print(part) }); err != nil {
		return err
	}
	fmt.Println()

	_, err = model.Encode("hexagon")
	fmt.Println(err)
	return nil
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: stream model.safetensors [prompt]")
		os.Exit(2)
	}
	prompt := ""
	if len(os.Args) > 2 {
		prompt = os.Args[2]
	}
	if err := run(os.Args[1], prompt); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if C.recurrent_object_count() != 0 {
		os.Exit(1)
	}
}
