//! Work under a lease: one server or command does it at a time, and renews the lease while it does. A server that dies renews
//! nothing, and another one takes over when the lease ends.

use crate::{App, Error};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::leases::{Lease, LeasedTable};
use tokio::sync::oneshot;

/// How often a lease is renewed, and progress stored.
const BEAT: Duration = Duration::from_secs(1);

/// Why work is to stop, if it is.
#[derive(Debug, Default)]
pub(super) struct Stop {
    /// A person has cancelled it.
    cancelled: AtomicBool,
    /// The lease is lost: another worker has taken the work.
    lost: AtomicBool,
    /// This server closes.
    closing: Arc<AtomicBool>,
}

impl Stop {
    /// Of work on a server that may close.
    pub(super) fn until(closing: &Arc<AtomicBool>) -> Self {
        Stop { closing: Arc::clone(closing), ..Stop::default() }
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether another worker has the work, or will have it.
    pub(super) fn is_given_up(&self) -> bool {
        self.is_lost() || self.closing.load(Ordering::Relaxed)
    }

    pub(super) fn is_requested(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.is_given_up()
    }
}

/// Work that is under way, and that a row of a leased table stands for.
pub(super) trait Leased: Send + Sync + 'static {
    /// What the log calls it.
    const WHAT: &'static str;
    /// The table.
    const TABLE: LeasedTable;

    /// Whether it is to stop.
    fn stop(&self) -> &Stop;

    /// How far it is, as JSON.
    fn progress_text(&self) -> Result<String, Error>;
}

impl App {
    /// The end of a lease that is taken or renewed now.
    pub(super) fn lease_end(&self) -> Result<Timestamp, Error> {
        let lease = self.billing()?.setup.lease;
        Ok(self.clock.now().saturating_add(lease).unwrap_or(Timestamp::MAX))
    }

    /// Does work while its lease is renewed. If the lease is lost, or the work cancelled, `watch` says so.
    pub(super) async fn under_lease<W: Leased, T>(
        self: &Arc<Self>,
        lease: Lease,
        watch: &Arc<W>,
        work: impl Future<Output = T>,
    ) -> T {
        let (done, is_done) = oneshot::channel::<()>();
        let keeping = tokio::spawn({
            let (app, watch) = (Arc::clone(self), Arc::clone(watch));
            async move { app.keep_lease(lease, &*watch, is_done).await }
        });
        let made = work.await;
        // Waited for, so that no lease is renewed after it is given back.
        drop(done);
        drop(keeping.await);
        made
    }

    async fn keep_lease<W: Leased>(&self, lease: Lease, watch: &W, mut is_done: oneshot::Receiver<()>) {
        let Ok(billing) = self.billing() else { return };
        let (length, stop) = (billing.setup.lease, watch.stop());
        let mut last = self.clock.now();
        let mut beat = tokio::time::interval(BEAT.min(length.unsigned_abs() / 4));
        loop {
            tokio::select! {
                _ = &mut is_done => return,
                _ = beat.tick() => {}
            }
            let now = self.clock.now();
            let until = now.saturating_add(length).unwrap_or(Timestamp::MAX);
            let Ok(progress) = watch.progress_text() else { continue };
            let renewed: Result<Option<bool>, Error> = self
                .db
                .unchecked()
                .write(lease.partner, (lease, progress, until), |(lease, progress, until), tx| {
                    Box::pin(async move { Ok(W::TABLE.renew(tx, *lease, progress, *until).await?) })
                })
                .await;
            match renewed {
                Ok(Some(cancelling)) => {
                    last = now;
                    stop.cancelled.fetch_or(cancelling, Ordering::Relaxed);
                }
                Ok(None) => stop.lost.store(true, Ordering::Relaxed),
                Err(error) => {
                    let what = W::WHAT;
                    tracing::warn!(%error, "failed to renew the lease of {what}");
                    let has_ended = last.saturating_add(length).is_ok_and(|end| end <= now);
                    stop.lost.fetch_or(has_ended, Ordering::Relaxed);
                }
            }
        }
    }

    /// Lets another server go on at once.
    pub(super) async fn give_back<W: Leased>(&self, lease: Lease) -> Result<(), Error> {
        self.db
            .unchecked()
            .write(lease.partner, lease, |lease, tx| {
                Box::pin(async move { Ok(W::TABLE.give_back(tx, *lease).await?) })
            })
            .await
    }
}
