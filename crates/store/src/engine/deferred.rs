//! Writes that a transaction defers to its end, merged for all its jobs: rows that each of them would otherwise update. A
//! resource has a type for its own, and writes them when the transaction ends; the engine knows none of the resources.

use super::Tx;
use crate::Error;
use futures_util::future::BoxFuture;
use std::any::Any;
use std::collections::BTreeMap;

/// What a resource defers, or remembers, within a transaction.
pub(crate) trait Deferred: Any + Clone + Default + Send {
    /// Its name, which no other type has. Resources are written in the order of their names, so that all transactions lock
    /// their rows in one order.
    const NAME: &'static str;

    /// Writes the rows. Called before the commit, and before a job reads their tables; what is written is no longer
    /// deferred.
    fn flush(tx: &mut Tx) -> BoxFuture<'_, Result<(), Error>>;
}

type Flush = for<'t> fn(&'t mut Tx) -> BoxFuture<'t, Result<(), Error>>;

/// The deferred writes of a transaction.
#[derive(Clone, Default)]
pub(crate) struct DeferredWrites {
    parts: BTreeMap<&'static str, Part>,
    /// Last id by partner and sequence, and whether this transaction advanced it. SQLite only, which has one writer.
    pub(super) ids: BTreeMap<(i64, &'static str), (i64, bool)>,
}

struct Part {
    state: Box<dyn State>,
    flush: Flush,
}

impl Clone for Part {
    fn clone(&self) -> Self {
        Part { state: self.state.cloned(), flush: self.flush }
    }
}

trait State: Send {
    fn cloned(&self) -> Box<dyn State>;
    fn any(&mut self) -> &mut dyn Any;
}

impl<D: Deferred> State for D {
    fn cloned(&self) -> Box<dyn State> {
        Box::new(self.clone())
    }

    fn any(&mut self) -> &mut dyn Any {
        self
    }
}

impl DeferredWrites {
    /// The part of a resource.
    pub(crate) fn part<D: Deferred>(&mut self) -> &mut D {
        let part = || Part { state: Box::new(D::default()), flush: D::flush };
        let state = &mut self.parts.entry(D::NAME).or_insert_with(part).state;
        (**state).any().downcast_mut().expect("no two resources have one name")
    }

    /// What writes each part, in order.
    pub(super) fn flushes(&self) -> Vec<Flush> {
        self.parts.values().map(|part| part.flush).collect()
    }
}
