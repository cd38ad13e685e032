// Trains a text model, streams text of a model that Python has trained, and reads the sentence of an error.
//
//     stream model.safetensors [prompt]

use std::ffi::{c_char, CStr};
use std::fmt;
use std::io::{self, Write};
use std::ptr::null;

/// The declarations of recurrent.h that this program needs.
mod c {
    use std::ffi::c_char;

    #[repr(C)]
    #[derive(Default)]
    pub struct StepResult {
        pub loss: f64,
        pub gradient_norm: f64,
        pub ratio_clipped: f64,
    }

    #[link(name = "recurrent")]
    extern "C" {
        pub fn recurrent_last_error() -> *const c_char;
        pub fn recurrent_object_count() -> i64;
        pub fn recurrent_random_create(seed: u64, random: *mut u64) -> i32;
        pub fn recurrent_random_free(random: u64) -> i32;
        pub fn recurrent_optimizer_create(settings: *const u8, length: i64, optimizer: *mut u64) -> i32;
        pub fn recurrent_optimizer_free(optimizer: u64) -> i32;
        pub fn recurrent_text_model_create(
            settings: *const u8, settings_length: i64, texts: *const *const u8, lengths: *const i64, count: i64,
            random: u64, model: *mut u64,
        ) -> i32;
        pub fn recurrent_text_model_free(model: u64) -> i32;
        pub fn recurrent_text_model_load(path: *const u8, length: i64, model: *mut u64) -> i32;
        pub fn recurrent_text_model_set_optimizer(model: u64, optimizer: u64) -> i32;
        pub fn recurrent_text_model_encode(
            model: u64, text: *const u8, length: i64, errors: i32, replacement: u32, tokens: *mut i64, capacity: i64,
            count: *mut i64,
        ) -> i32;
        pub fn recurrent_text_model_reset_state(model: u64) -> i32;
        pub fn recurrent_text_model_train_step(
            model: u64, tokens: *const i64, targets: *const i64, T: i64, B: i64, resets: *const i64,
            bptt_length: i64, overlap: i64, learning_rate: f64, weight_decay: f64, clip: f64, result: *mut StepResult,
        ) -> i32;
        pub fn recurrent_generator_create_text(
            model: u64, settings: *const u8, settings_length: i64, prompt: *const u8, prompt_length: i64, random: u64,
            generator: *mut u64,
        ) -> i32;
        pub fn recurrent_generator_free(generator: u64) -> i32;
        pub fn recurrent_generator_next_characters(
            generator: u64, max_tokens: i64, text: *mut u8, capacity: i64, length: *mut i64, has_ended: *mut i32,
        ) -> i32;
    }
}

/// A failed call: its status and its sentence.
#[derive(Debug)]
struct Error {
    status: i32,
    sentence: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "status {}: {}", self.status, self.sentence)
    }
}

impl std::error::Error for Error {}

type Result<T> = std::result::Result<T, Error>;

fn check(status: i32) -> Result<()> {
    if status == 0 {
        return Ok(());
    }
    // the message is never null, and is copied before the next call
    let message: *const c_char = unsafe { c::recurrent_last_error() };
    let sentence = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
    Err(Error { status, sentence })
}

/// A handle that is freed when it is dropped.
struct Handle {
    value: u64,
    free: unsafe extern "C" fn(u64) -> i32,
}

impl Handle {
    fn new(free: unsafe extern "C" fn(u64) -> i32, create: impl FnOnce(*mut u64) -> i32) -> Result<Handle> {
        let mut value = 0;
        check(create(&mut value))?;
        Ok(Handle { value, free })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        unsafe { (self.free)(self.value) };
    }
}

fn random(seed: u64) -> Result<Handle> {
    Handle::new(c::recurrent_random_free, |out| unsafe { c::recurrent_random_create(seed, out) })
}

struct TextModel(Handle);

impl TextModel {
    fn new(settings: &str, text: &str, random: &Handle) -> Result<TextModel> {
        let (texts, lengths) = ([text.as_ptr()], [text.len() as i64]);
        Handle::new(c::recurrent_text_model_free, |out| unsafe {
            let (settings, length) = (settings.as_ptr(), settings.len() as i64);
            c::recurrent_text_model_create(settings, length, texts.as_ptr(), lengths.as_ptr(), 1, random.value, out)
        })
        .map(TextModel)
    }

    fn load(path: &str) -> Result<TextModel> {
        Handle::new(c::recurrent_text_model_free, |out| unsafe {
            c::recurrent_text_model_load(path.as_ptr(), path.len() as i64, out)
        })
        .map(TextModel)
    }

    fn set_optimizer(&self, settings: &str) -> Result<()> {
        let optimizer = Handle::new(c::recurrent_optimizer_free, |out| unsafe {
            c::recurrent_optimizer_create(settings.as_ptr(), settings.len() as i64, out)
        })?;
        check(unsafe { c::recurrent_text_model_set_optimizer(self.0.value, optimizer.value) })
    }

    fn encode(&self, text: &str) -> Result<Vec<i64>> {
        let (mut tokens, mut count) = (vec![0; text.len()], 0);
        check(unsafe {
            let (length, capacity) = (text.len() as i64, tokens.len() as i64);
            let out = tokens.as_mut_ptr();
            c::recurrent_text_model_encode(self.0.value, text.as_ptr(), length, 0, 0, out, capacity, &mut count)
        })?;
        tokens.truncate(count as usize);
        Ok(tokens)
    }

    /// Trains on one sequence from its beginning; returns the loss.
    fn train(&self, tokens: &[i64], learning_rate: f64) -> Result<f64> {
        let mut result = c::StepResult::default();
        check(unsafe { c::recurrent_text_model_reset_state(self.0.value) })?;
        let targets = tokens.get(1..).map_or(null(), |rest| rest.as_ptr());
        check(unsafe {
            let steps = tokens.len() as i64 - 1;
            let (model, tokens) = (self.0.value, tokens.as_ptr());
            c::recurrent_text_model_train_step(
                model, tokens, targets, steps, 1, std::ptr::null(), 0, 0, learning_rate, 0.0, 5.0, &mut result,
            )
        })?;
        Ok(result.loss)
    }

    fn generate(&self, settings: &str, prompt: &str, random: &Handle) -> Result<Generator> {
        let handle = Handle::new(c::recurrent_generator_free, |out| unsafe {
            let (model, length) = (self.0.value, settings.len() as i64);
            let (prompt, prompt_length) = (prompt.as_ptr(), prompt.len() as i64);
            c::recurrent_generator_create_text(
                model, settings.as_ptr(), length, prompt, prompt_length, random.value, out,
            )
        })?;
        Ok(Generator { handle, has_ended: false })
    }
}

/// The parts of a text.
struct Generator {
    handle: Handle,
    has_ended: bool,
}

impl Iterator for Generator {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        const PART: usize = 10;
        if self.has_ended {
            return None;
        }
        let (mut text, mut length, mut has_ended) = (vec![0; 4 * (PART + 64)], 0, 0);
        let status = unsafe {
            let (out, capacity) = (text.as_mut_ptr(), text.len() as i64);
            c::recurrent_generator_next_characters(
                self.handle.value, PART as i64, out, capacity, &mut length, &mut has_ended,
            )
        };
        if let Err(error) = check(status) {
            self.has_ended = true;
            return Some(Err(error));
        }
        self.has_ended = has_ended != 0;
        text.truncate(length as usize);
        // whole characters, always
        Some(Ok(String::from_utf8(text).expect("valid UTF-8")))
    }
}

fn run(path: &str, prompt: &str) -> Result<()> {
    let text = "hello help";
    let model = TextModel::new(r#"{"cell": "lstm", "hidden_sizes": [20]}"#, text, &random(7)?)?;
    model.set_optimizer(r#"{"name": "adam"}"#)?;
    let tokens = model.encode(text)?;
    let mut loss = 0.0;
    for _ in 0..100 {
        loss = model.train(&tokens, 0.01)?;
    }
    println!("loss {loss:.6}");

    let trained = TextModel::load(path)?;
    print!("{prompt}");
    for part in trained.generate(r#"{"temperature": 0.8, "max_tokens": 120}"#, prompt, &random(7)?)? {
        print!("{}", part?);
        io::stdout().flush().expect("standard output is open");
    }
    println!();

    if let Err(error) = model.encode("hexagon") {
        println!("{error}");
    }
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.len() < 2 {
        eprintln!("usage: stream model.safetensors [prompt]");
        std::process::exit(2);
    }
    if let Err(error) = run(&arguments[1], arguments.get(2).map_or("", String::as_str)) {
        eprintln!("{error}");
        std::process::exit(1);
    }
    std::process::exit(i32::from(unsafe { c::recurrent_object_count() } != 0));
}
