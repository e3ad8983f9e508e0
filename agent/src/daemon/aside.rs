//! Something that may take long, done in a thread of its own while whoever wants to know goes on.

use std::sync::mpsc::Sender;
use std::thread;

/// Does it, and tells what came of it; `broken` where nothing did: the system gave no thread, or it ended in a panic.
pub(super) fn aside<T: Send + 'static>(
    tell: &Sender<T>,
    broken: T,
    work: impl FnOnce() -> T + Send + 'static,
) {
    let telling = Telling { tell: tell.clone(), what: Some(broken) };
    // Where there is no thread, what it was to own is dropped, and so tells.
    _ = thread::Builder::new().spawn(move || {
        let telling = telling;
        telling.instead(work());
    });
}

/// Tells when it is dropped, in whatever way that comes.
struct Telling<T> {
    tell: Sender<T>,
    what: Option<T>,
}

impl<T> Telling<T> {
    fn instead(mut self, what: T) {
        self.what = Some(what);
    }
}

impl<T> Drop for Telling<T> {
    fn drop(&mut self) {
        // Nobody is told where all has ended meanwhile.
        _ = self.what.take().map(|what| self.tell.send(what));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn what_came_of_it_is_told_even_where_it_ended_in_a_panic() {
        let (tell, told) = channel();
        aside(&tell, "broken", || "done");
        assert_eq!(told.recv(), Ok("done"));
        aside(&tell, "broken", || std::panic::resume_unwind(Box::new(())));
        assert_eq!(told.recv(), Ok("broken"));
    }
}
