//! A progress bar, where there is a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use store::transfer::{Advance, Step};

pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// On standard error, and hidden unless that is a terminal.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        let template = "{msg} {wide_bar} {human_pos}/{human_len} rows, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Bar(bar)
    }

    pub(crate) fn show(&mut self, at: Advance<'_>) {
        let step = match at.step {
            Step::Copying => "copying",
            Step::Verifying => "verifying",
        };
        self.0.set_length(at.total.max(at.done));
        self.0.set_position(at.done);
        self.0.set_message(format!("{step} {}", at.table));
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}
