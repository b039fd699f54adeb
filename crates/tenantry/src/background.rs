//! The work of a running server beside its requests: maintenance, directories, bill runs, fetches and automation.

use app::App;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval, interval_at, sleep, timeout};

/// Time between two writes of the audit trail's anchor, if there is anything new.
const ANCHOR_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two rounds of maintenance, such as writing the uses of keys and deleting expired responses.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(60);
/// Time between two looks at which names of customers are to be indexed. Meanwhile they are searched one by one.
const NAME_INDEX_INTERVAL: Duration = Duration::from_secs(10);
/// Time that leased work has to give its lease back.
const GRACE: Duration = Duration::from_secs(1);

/// A function that is called with the platform again and again.
type Step = for<'a> fn(&'a Arc<App>) -> BoxFuture<'a, ()>;

/// Intervals that the operator chooses.
pub(crate) struct Intervals {
    pub(crate) directory_sync: Duration,
    pub(crate) billing: Duration,
}

/// The tasks of a running server. Dropping it aborts them.
pub(crate) struct Background {
    /// Tasks that hold leases. They are stopped between two steps, so that another server can go on at once.
    leased: JoinSet<()>,
    /// Tasks that can be aborted at any time.
    others: JoinSet<()>,
}

impl Background {
    /// Starts all tasks. Those that hold leases stop when `stop` is closed.
    pub(crate) fn start(app: &Arc<App>, intervals: &Intervals, stop: &watch::Receiver<()>) -> Self {
        let Intervals { directory_sync, billing } = *intervals;
        let mut background = Background { leased: JoinSet::new(), others: JoinSet::new() };
        for (wake, work) in [
            (
                (|app| app.bill_run_asked_for().boxed()) as Step,
                (|app| app.work_on_bill_runs().boxed()) as Step,
            ),
            (|app| app.invoice_fetch_asked_for().boxed(), |app| app.work_on_invoice_fetches().boxed()),
        ] {
            let (app, mut stop) = (Arc::clone(app), stop.clone());
            background
                .leased
                .spawn(async move { repeat(&app, interval(billing), wake, work, &mut stop).await });
        }
        // The first round of maintenance is done before the server takes requests.
        let maintenance = interval_at((Instant::now() + MAINTENANCE_INTERVAL).into(), MAINTENANCE_INTERVAL);
        for (ticks, wake, work) in [
            (maintenance, (|_| pending().boxed()) as Step, (|app| app.tidy().boxed()) as Step),
            (interval(NAME_INDEX_INTERVAL), |_| pending().boxed(), |app| app.index_names().boxed()),
            (interval(directory_sync), |_| pending().boxed(), |app| app.sync_directories().boxed()),
            (interval(billing), |app| app.automation_changed().boxed(), |app| app.automate_billing().boxed()),
        ] {
            let (app, mut stop) = (Arc::clone(app), stop.clone());
            background.others.spawn(async move { repeat(&app, ticks, wake, work, &mut stop).await });
        }
        background.others.spawn(keep_anchor(Arc::clone(app)));
        background
    }

    /// Adds a task that can be aborted at any time.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.others.spawn(task);
    }

    /// Aborts what can be aborted, and waits for a bounded time for what holds leases.
    pub(crate) async fn stop(mut self) {
        self.others.abort_all();
        drop(timeout(GRACE, self.leased.join_all()).await);
    }
}

/// Does `work` at each tick and whenever `wake` ends, until `stop` is closed.
async fn repeat(app: &Arc<App>, mut ticks: Interval, wake: Step, work: Step, stop: &mut watch::Receiver<()>) {
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = ticks.tick() => {}
            () = wake(app) => {}
        }
        work(app).await;
    }
}

/// Writes the audit trail's anchor. At most a tenth of the time goes into it, however many chains there are.
async fn keep_anchor(app: Arc<App>) {
    loop {
        let began = Instant::now();
        if let Err(error) = app.keep_anchor(false).await {
            tracing::warn!(%error, "failed to write the audit anchor");
        }
        sleep(ANCHOR_INTERVAL.max(began.elapsed() * 10)).await;
    }
}
