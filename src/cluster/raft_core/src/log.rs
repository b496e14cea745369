//! Lines of the crate, and the last words of a panic, on their way to the caller's log.

use std::cell::RefCell;
use std::fmt::Write;
use std::os::raw::c_void;
use std::sync::Once;

use slog::{Drain, Key, Level, OwnedKVList, Record, Serializer, KV};

pub type Callback = extern "C" fn(context: *mut c_void, level: i32, text: *const u8, size: usize);

/// Where lines go. The owner of a node promises that the context may be used by the thread which calls the node.
#[derive(Clone, Copy)]
pub struct Sink {
    callback: Option<Callback>,
    context: *mut c_void,
}

// One thread makes all calls on a node and lines are written within them: the pointer is only carried.
unsafe impl Send for Sink {}
unsafe impl Sync for Sink {}
impl std::panic::UnwindSafe for Sink {}
impl std::panic::RefUnwindSafe for Sink {}

impl Sink {
    pub fn new(callback: Option<Callback>, context: *mut c_void) -> Sink {
        Sink { callback, context }
    }

    pub fn write(&self, level: Level, text: &str) {
        let Some(callback) = self.callback else { return };
        let number = match level {
            Level::Critical | Level::Error => 0,
            Level::Warning => 1,
            Level::Info => 2,
            _ => 3,
        };
        callback(self.context, number, text.as_ptr(), text.len());
    }
}

struct Fields<'a>(&'a mut String);

impl Serializer for Fields<'_> {
    fn emit_arguments(&mut self, key: Key, value: &std::fmt::Arguments) -> slog::Result {
        let _ = write!(self.0, " {key}={value}");
        Ok(())
    }
}

impl Drain for Sink {
    type Ok = ();
    type Err = slog::Never;

    fn log(&self, record: &Record, values: &OwnedKVList) -> Result<(), slog::Never> {
        let mut text = record.msg().to_string();
        let _ = record.kv().serialize(record, &mut Fields(&mut text));
        let _ = values.serialize(record, &mut Fields(&mut text));
        self.write(record.level(), &text);
        Ok(())
    }
}

thread_local! {
    static SPEAKING: RefCell<Option<Sink>> = const { RefCell::new(None) };
}

/// What panics on this thread from now on is told to `sink`.
pub fn speak_to(sink: Sink) {
    SPEAKING.with(|speaking| *speaking.borrow_mut() = Some(sink));
}

/// A broken invariant is told to the caller's log before it ends the process.
pub fn tell_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let silent = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let sink = SPEAKING.with(|speaking| *speaking.borrow());
            match sink {
                Some(sink) => sink.write(Level::Critical, &format!("the consensus core stops: {info}")),
                None => silent(info),
            }
        }));
    });
}
