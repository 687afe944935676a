//! A progress bar on stderr: only on a terminal, only for work that takes long.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(400);

/// Progress through a known number of steps.
pub(crate) struct Progress {
    begun: Instant,
    done: u64,
    total: u64,
    verb: &'static str,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `total` steps; `verb` says what is being done.
    pub(crate) fn new(verb: &'static str, total: usize) -> Progress {
        Progress {
            begun: Instant::now(),
            done: 0,
            total: total as u64,
            verb,
            bar: None,
        }
    }

    /// So many more steps are done.
    pub(crate) fn advance(&mut self, steps: usize) {
        self.done += steps as u64;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.begun.elapsed() > PATIENCE {
            // Hidden by indicatif where stderr is no terminal.
            let bar = ProgressBar::new(self.total).with_message(self.verb);
            if let Ok(style) = ProgressStyle::with_template(
                "{msg} {bar:32.cyan/dim} {human_pos} of {human_len}, {eta} left",
            ) {
                bar.set_style(style.progress_chars("━━╌"));
            }
            bar.set_position(self.done);
            self.bar = Some(bar);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
