//! What a guest has written, on its way to whoever reads it.
//!
//! A guest writes a byte at a time, on its vCPU's thread, and its reader may be slow, stopped or
//! gone. So its bytes wait in a queue of bounded length, and a thread of its own writes them out,
//! as many at once as came within a moment too short to be seen. A full queue holds the guest up,
//! as a slow terminal does, and no longer than the guest runs: an end waits for no reader. A reader
//! that is gone is told of once, and the guest goes on.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::threads;

/// A queue of bytes before a writer. Clones are ways into the same one; with the last of them the
/// writer goes too, once it has what was written.
#[derive(Clone)]
pub struct Outlet(Arc<Way>);

/// What all clones share, and lose together.
struct Way(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// There is something to write, or to write at once.
    work: Condvar,
    /// There is more room, or less to wait for.
    room: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// Until a thread has it.
    output: Option<Box<dyn Write + Send>>,
    /// Does the thread wait for the first byte?
    is_idle: bool,
    is_writing: bool,
    /// Grows with what was written.
    written: u64,
    hurry: Hurry,
    has_failed: bool,
    is_closed: bool,
}

/// How long bytes, and those who bring them, may wait.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Hurry {
    /// Until there is room.
    #[default]
    None,
    /// Nobody waits: what has no room is dropped.
    Released,
}

impl Outlet {
    /// A way to `output`, which is written to once it was [started](Self::start).
    #[must_use]
    pub fn new(output: Box<dyn Write + Send>) -> Self {
        let queue = Queue::default();
        queue.state().output = Some(output);
        Self(Arc::new(Way(Arc::new(queue))))
    }

    /// Starts the thread that writes, if it does not run yet.
    ///
    /// # Errors
    /// The host has no thread left.
    pub fn start(&self) -> io::Result<()> {
        let Some(output) = self.queue().state().output.take() else {
            return Ok(());
        };
        let queue = Arc::clone(&self.0.0);
        threads::named("console output").spawn(move || queue.write_out(output))?;
        Ok(())
    }

    /// From here on whoever writes waits until there is room.
    pub fn hold(&self) {
        self.queue().state().hurry = Hurry::None;
    }

    /// Nobody waits any more: what has no room from here on is dropped.
    pub fn release(&self) {
        self.queue().state().hurry = Hurry::Released;
        self.queue().room.notify_all();
    }

    /// Waits until all is written or the reader is gone; once `hurried` says so, for a reader that
    /// stands still a second at most.
    pub fn drain(&self, hurried: impl Fn() -> bool) {
        let queue = self.queue();
        let mut state = queue.state();
        let mut stands_still = (state.written, None);
        while !(state.is_empty() || state.has_failed || state.output.is_some()) {
            queue.work.notify_one();
            state = queue.wait(&queue.room, state, LOOK);
            let since = match stands_still {
                (written, Some(since)) if written == state.written => since,
                _ => Instant::now(),
            };
            if hurried() {
                if since.elapsed() > PATIENCE {
                    return;
                }
                stands_still = (state.written, Some(since));
            }
        }
    }

    fn queue(&self) -> &Queue {
        &self.0.0
    }
}

impl Write for Outlet {
    /// Takes all of it, unless it waits for room and a part of it has some.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let queue = self.queue();
        let mut state = queue.state();
        while state.bytes.len() >= ROOM && state.hurry == Hurry::None && !state.has_failed {
            state = queue.wait(&queue.room, state, LOOK);
        }
        // Those who waited at a release bring little more than there was room for.
        let room = match state.hurry {
            Hurry::None => ROOM,
            Hurry::Released => 2 * ROOM,
        };
        let taken = bytes.len().min(room.saturating_sub(state.bytes.len()));
        if state.has_failed || taken == 0 {
            return Ok(bytes.len());
        }
        state.bytes.extend_from_slice(&bytes[..taken]);
        if state.is_idle || state.bytes.len() >= ENOUGH {
            state.is_idle = false;
            queue.work.notify_one();
        }
        Ok(taken)
    }

    /// What is written comes by itself.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    /// The thread's work, until the last way in is gone.
    fn write_out(&self, mut output: Box<dyn Write + Send>) {
        let mut burst = Vec::new();
        while self.take(&mut burst) {
            let written = output.write_all(&burst).and_then(|()| output.flush());
            let mut state = self.state();
            state.is_writing = false;
            state.written += burst.len() as u64;
            if let Err(error) = written {
                log::warn!("the console's output is lost from here on, the guest goes on: {error}");
                state.has_failed = true;
            }
            self.room.notify_all();
            if state.has_failed {
                return;
            }
            burst.clear();
        }
    }

    /// Takes what there is, a moment after the first of it; false at the end.
    fn take(&self, burst: &mut Vec<u8>) -> bool {
        let mut state = self.state();
        while state.bytes.is_empty() {
            if state.is_closed {
                return false;
            }
            state.is_idle = true;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_idle = false;
        if state.bytes.len() < ENOUGH && !state.is_closed {
            state = self.wait(&self.work, state, MOMENT);
        }
        std::mem::swap(&mut state.bytes, burst);
        state.is_writing = true;
        self.room.notify_all();
        true
    }

    fn wait<'a>(
        &self,
        changed: &Condvar,
        state: MutexGuard<'a, State>,
        most: Duration,
    ) -> MutexGuard<'a, State> {
        let waited = changed.wait_timeout(state, most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.is_writing
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.0.state().is_closed = true;
        self.0.work.notify_one();
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet")
            .field("waiting", &self.queue().state().bytes.len())
            .finish_non_exhaustive()
    }
}

/// How much may wait.
const ROOM: usize = 16 << 10;
/// So much is written at once.
const ENOUGH: usize = ROOM / 2;
/// How long the first byte waits for others. Nobody who types sees it.
const MOMENT: Duration = Duration::from_millis(4);
/// How often somebody who waits looks at what nobody tells.
const LOOK: Duration = Duration::from_millis(50);
/// How long a reader may stand still when there is hurry.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use super::*;

    /// Tells of each write.
    struct Told(Sender<Vec<u8>>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Writes nothing until it is let go, and fails then.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stuck() -> (Outlet, Sender<()>) {
        let (let_go, held) = channel();
        let outlet = Outlet::new(Box::new(Stuck(held)));
        outlet.start().unwrap();
        (outlet, let_go)
    }

    #[test]
    fn a_burst_is_one_write() {
        let (tell, told) = channel();
        let mut outlet = Outlet::new(Box::new(Told(tell)));
        for byte in b"hello" {
            outlet.write_all(&[*byte]).unwrap();
        }
        outlet.start().unwrap();
        assert_eq!(told.recv().unwrap(), b"hello");
    }

    #[test]
    fn all_that_was_written_comes_in_order() {
        let (tell, told) = channel();
        let mut outlet = Outlet::new(Box::new(Told(tell)));
        outlet.start().unwrap();
        let bytes: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[1]).collect();
        bytes
            .chunks(7)
            .for_each(|chunk| outlet.write_all(chunk).unwrap());
        outlet.drain(|| false);
        drop(outlet);
        assert_eq!(told.into_iter().flatten().collect::<Vec<_>>(), bytes);
    }

    #[test]
    fn a_reader_that_does_not_read_holds_the_guest_up_until_the_release() {
        let (mut outlet, _let_go) = stuck();
        let taken = Arc::new(AtomicUsize::new(0));
        let (count, mut writer) = (Arc::clone(&taken), outlet.clone());
        let guest = thread::spawn(move || {
            for _ in 0..40_000 {
                writer.write_all(b"x").unwrap();
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        while taken.load(Ordering::SeqCst) < 16 << 10 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(20));
        assert!(!guest.is_finished());
        outlet.release();
        guest.join().unwrap();
        outlet.drain(|| true);
        outlet.write_all(&[b'y'; 100_000]).unwrap();
        assert!(outlet.queue().state().bytes.len() <= 32 << 10);
    }

    #[test]
    fn a_reader_that_is_gone_holds_nobody_up() {
        let (mut outlet, let_go) = stuck();
        drop(let_go);
        outlet.write_all(&[b'x'; 1_000_000]).unwrap();
        outlet.drain(|| false);
        assert!(outlet.queue().state().has_failed);
    }

    #[test]
    fn the_writer_goes_with_the_last_way_in() {
        let (tell, told) = channel();
        let mut outlet = Outlet::new(Box::new(Told(tell)));
        outlet.start().unwrap();
        let other = outlet.clone();
        outlet.write_all(b"last").unwrap();
        drop((outlet, other));
        assert_eq!(told.into_iter().flatten().collect::<Vec<_>>(), b"last");
    }
}
