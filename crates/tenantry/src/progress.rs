//! A progress bar, where there is a terminal.

use app::billing::{FetchWatch, Watch};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
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

/// The bar of a store of bills that is moved.
pub(crate) struct MoveBar(ProgressBar);

impl MoveBar {
    /// On standard error, and hidden unless that is a terminal.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("moving {wide_bar} {human_pos}/{human_len} files, {eta} left")
        {
            bar.set_style(style);
        }
        MoveBar(bar)
    }

    pub(crate) fn show(&self, done: usize, total: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// The bar of a bill run.
pub(crate) struct RunBar {
    bar: ProgressBar,
    drawing: tokio::task::JoinHandle<()>,
}

impl RunBar {
    /// Follow a run. On standard error, and hidden unless that is a terminal.
    pub(crate) fn start(watch: &Arc<Watch>) -> Self {
        let bar = ProgressBar::new(0);
        let template = "{wide_bar} {bytes}/{total_bytes}, {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let drawing = tokio::spawn({
            let (bar, watch) = (bar.clone(), Arc::clone(watch));
            async move {
                let mut ticks = tokio::time::interval(Duration::from_millis(200));
                loop {
                    ticks.tick().await;
                    let [read, total, lines, customers] = watch.numbers();
                    bar.set_length(total);
                    bar.set_position(read);
                    bar.set_message(format!("{lines} lines, {customers} customers"));
                }
            }
        });
        RunBar { bar, drawing }
    }

    pub(crate) fn end(self) {
        self.drawing.abort();
        self.bar.finish_and_clear();
    }
}

/// The bar of work that is counted in bytes and watched from outside.
pub(crate) struct ByteBar(ProgressBar);

impl ByteBar {
    /// On standard error, and hidden unless that is a terminal.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes}, {msg}, {eta} left")
        {
            bar.set_style(style);
        }
        ByteBar(bar)
    }

    pub(crate) fn show(&self, done: u64, total: u64, doing: String) {
        self.0.set_length(total);
        self.0.set_position(done);
        self.0.set_message(doing);
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// The bar of rows that are sent.
pub(crate) struct RowBar(ProgressBar);

impl RowBar {
    /// On standard error, and hidden unless that is a terminal.
    pub(crate) fn new(rows: u64) -> Self {
        let bar = ProgressBar::new(rows);
        let template = "{wide_bar} {human_pos}/{human_len} rows, {rate}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
                text.write_fmt(format_args!("{:.0} a second", state.per_sec())).unwrap_or_default();
            }));
        }
        RowBar(bar)
    }

    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// A line above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.0.suspend(|| eprintln!("{line}"));
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// The bar of a fetch of invoices.
pub(crate) struct FetchBar {
    bar: ProgressBar,
    drawing: Option<tokio::task::JoinHandle<()>>,
}

impl FetchBar {
    /// On standard error, and hidden unless that is a terminal.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        let template = "{wide_bar} {human_pos}/{human_len} files, {msg}, {elapsed}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        FetchBar { bar, drawing: None }
    }

    /// Follow a fetch of this process.
    pub(crate) fn start(watch: &Arc<FetchWatch>) -> Self {
        let FetchBar { bar, .. } = FetchBar::new();
        let drawing = tokio::spawn({
            let (bar, watch) = (bar.clone(), Arc::clone(watch));
            async move {
                let mut ticks = tokio::time::interval(Duration::from_millis(200));
                loop {
                    ticks.tick().await;
                    show_fetch(&bar, watch.numbers());
                }
            }
        });
        FetchBar { bar, drawing: Some(drawing) }
    }

    /// Exports that are done, and all; files that are done, and all; bytes.
    pub(crate) fn show(&self, numbers: [u64; 5]) {
        show_fetch(&self.bar, numbers);
    }

    pub(crate) fn end(self) {
        if let Some(drawing) = self.drawing {
            drawing.abort();
        }
        self.bar.finish_and_clear();
    }
}

fn show_fetch(bar: &ProgressBar, [exports, all_exports, files, all_files, bytes]: [u64; 5]) {
    bar.set_length(all_files);
    bar.set_position(files);
    let read = indicatif::HumanBytes(bytes);
    bar.set_message(format!("{exports} of {all_exports} exports, {read}"));
}
