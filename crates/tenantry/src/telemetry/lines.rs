//! Log lines, written by a thread of their own: many to a write where there are many, in their order, none dropped. A
//! request that logs waits for no disk, and wakes nobody up while others log too.

use std::io::{Result, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long lines are gathered after some were written; as long may the last ones be lost to a `kill -9`.
const GATHER: Duration = Duration::from_millis(20);
/// Bytes that may wait; beyond them who logs waits too.
const MOST: usize = 4 << 20;

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Something waits, or it is time to stop.
    news: Condvar,
    /// Nothing waits any more.
    room: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    stopping: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes lines.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

/// As long as it lives, lines are written; dropping it waits for the last of them.
pub(crate) struct Guard {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Have lines written to `out`.
pub(super) fn to(out: impl Write + Send + 'static) -> (Lines, Guard) {
    let shared = Arc::<Shared>::default();
    let thread = std::thread::Builder::new().name("log".into()).spawn({
        let shared = Arc::clone(&shared);
        move || write_all(&shared, out)
    });
    (Lines(Arc::clone(&shared)), Guard { shared, thread: thread.ok() })
}

fn write_all(shared: &Shared, mut out: impl Write) {
    let mut taken = Vec::new();
    loop {
        let waiting = shared.lock();
        let idle = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.stopping;
        let mut waiting = shared.news.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut waiting.bytes, &mut taken);
        let stopping = waiting.stopping;
        drop(waiting);
        shared.room.notify_all();
        // Where standard error is gone there is nobody to tell.
        let _ = out.write_all(&taken).and_then(|()| out.flush());
        taken.clear();
        taken.shrink_to(1 << 16);
        if stopping {
            return;
        }
        let gathering = |waiting: &mut Waiting| waiting.bytes.len() < MOST && !waiting.stopping;
        drop(shared.news.wait_timeout_while(shared.lock(), GATHER, gathering));
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> Result<usize> {
        let full = |waiting: &mut Waiting| waiting.bytes.len() >= MOST && !waiting.stopping;
        let waiting = self.0.room.wait_while(self.0.lock(), full);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let before = waiting.bytes.len();
        waiting.bytes.extend_from_slice(line);
        let tell = before == 0 || waiting.bytes.len() >= MOST;
        drop(waiting);
        if tell {
            self.0.news.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.news.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Slow(Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_lines_are_written_each_writer_s_in_order_also_where_they_do_not_fit() {
        let out = Slow::default();
        let (lines, guard) = to(out.clone());
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let mut lines = lines.clone();
                std::thread::spawn(move || {
                    for number in 0..20_000 {
                        let line = format!("{writer} {number:0100}\n"); // 8 MB altogether
                        lines.write_all(line.as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        drop(guard);
        let written = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        let mut next = [0; 4];
        for line in written.lines() {
            let (writer, number) = line.split_once(' ').unwrap();
            let (writer, number): (usize, usize) = (writer.parse().unwrap(), number.parse().unwrap());
            assert_eq!(number, next[writer], "{line}");
            next[writer] += 1;
        }
        assert_eq!(next, [20_000; 4]);
    }
}
