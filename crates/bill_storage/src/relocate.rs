//! Moves a store of the old layout to the current one: every file gets its partner's segment in its key.
//!
//! The plan is made once and kept in the store before the first file moves, because half-way through nobody could tell a
//! folder `p1` of the old layout from partner 1. A file is at its new key, with its bytes compared, before it leaves the old
//! one. So the move can be killed at any moment and repeated.

use crate::key::{self, partner_segment};
use crate::layout::{CLAIMS, Layout};
use crate::manifest::NAME;
use crate::put::{Outcome, Source};
use crate::store::Store;
use crate::{Error, FileEntry, local};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use object_store::{ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The plan's key.
const JOURNAL: &str = "_runs/move.json";
/// The same within the private area.
pub(crate) const JOURNAL_NAME: &str = "move.json";
/// How many files are moved at a time.
const CONCURRENT_MOVES: usize = 8;
/// The largest object that S3 copies in one request.
const MAX_COPY_BYTES: u64 = 5 << 30;

/// The partners that a database's runs and customers belong to.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Partners by the ids of their runs.
    pub runs: BTreeMap<i64, BTreeSet<i64>>,
    /// Partners by the ids of their customers, deleted ones included as far as known.
    pub customers: BTreeMap<i64, BTreeSet<i64>>,
}

/// The outcome of a move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Relocated {
    /// How many files were moved, by this call or one before it that was interrupted.
    pub moved: usize,
    /// Files of bills, ledgers and claims that belong to no partner of the database, or to several. They stay.
    pub unowned: Vec<String>,
}

/// Moves that are still to be made, in groups, one after the other.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Journal {
    groups: Vec<Vec<Move>>,
    unowned: Vec<String>,
    moved: usize,
}

/// One file's move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Move {
    from: String,
    to: String,
}

impl Store {
    pub(crate) async fn relocate(
        &self,
        owners: &Owners,
        progress: &(dyn Fn(usize, usize) + Send + Sync),
    ) -> Result<Option<Relocated>, Error> {
        if self.layout().await? != Layout::Old {
            // Killed between the marker and here.
            self.remove(JOURNAL).await?;
            return Ok(None);
        }
        self.check_conditions().await?;
        let mut journal = match self.read_journal().await? {
            Some(journal) => journal,
            None => {
                let names = self.list("").await?.into_iter().map(|(name, _)| name);
                let journal = plan(owners, names);
                self.write_journal(&journal).await?;
                journal
            }
        };
        let mut done = journal.moved;
        let total = done + journal.groups.iter().map(Vec::len).sum::<usize>();
        progress(done, total);
        while let Some(group) = journal.groups.first() {
            let moves: Vec<_> = group.iter().map(|step| self.relocate_file(step).boxed()).collect();
            let mut moves = futures_util::stream::iter(moves).buffer_unordered(CONCURRENT_MOVES);
            while moves.try_next().await?.is_some() {
                done += 1;
                progress(done, total);
            }
            drop(moves);
            journal.moved += journal.groups.remove(0).len();
            self.write_journal(&journal).await?;
        }
        self.mark().await?;
        self.remove(JOURNAL).await?;
        Ok(Some(Relocated { moved: journal.moved, unowned: journal.unowned }))
    }

    async fn relocate_file(&self, Move { from, to }: &Move) -> Result<(), Error> {
        if let Some((source, target)) = self.path(from)?.zip(self.path(to)?) {
            let root = self.folder().map(std::path::Path::to_owned).unwrap_or_default();
            let moved = tokio::task::spawn_blocking(move || {
                let parent = source.parent().unwrap_or(&source);
                local::relocate(&source, &target)
                    .and_then(|()| local::sync_up_to(target.parent().unwrap_or(&target), &root))
                    .and_then(|()| local::sweep(parent))
                    .and_then(|()| local::prune(parent, &root))
                    .map_err(|e| Error::file(&source, &e))
            });
            return moved.await.expect("no panic");
        }
        let expected = match (self.head(from).await?, self.head(to).await?) {
            (None, Some(_)) => return Ok(()),
            (None, None) => {
                return Err(Error::NotFound(format!(
                    "{}: neither there nor at {}",
                    self.name(from),
                    self.name(to)
                )));
            }
            (Some(old), None) if old.size <= MAX_COPY_BYTES => {
                let copied = self.objects().copy(&self.key(from)?, &self.key(to)?).await;
                copied.map_err(|e| Error::store(&self.name(to), &e))?;
                self.entry_of(from).await?
            }
            (Some(_), None) => {
                let expected = self.entry_of(from).await?;
                let folder = tempfile::tempdir().map_err(|e| Error::file(&std::env::temp_dir(), &e))?;
                let file = folder.path().join("large");
                crate::read::save(self.read(from, None).await?.stream, &file, |_| Ok(())).await?;
                self.put(to, &Source::File(file), &expected).await?;
                expected
            }
            (Some(_), Some(_)) => self.entry_of(from).await?,
        };
        if self.compare(to, &expected).await? != Some(Outcome::Ours) {
            let (from, to) = (self.name(from), self.name(to));
            return Err(Error::Corrupt(format!("{to}: is not the same as {from}, which stays")));
        }
        self.remove(from).await
    }

    /// The length and digest of what is at a key.
    async fn entry_of(&self, relative: &str) -> Result<FileEntry, Error> {
        let found = self.digest(relative).await?;
        let (size, sha256) = found.ok_or_else(|| Error::NotFound(self.name(relative)))?;
        Ok(FileEntry { name: relative.to_owned(), size, sha256 })
    }

    async fn read_journal(&self) -> Result<Option<Journal>, Error> {
        let content = match self.read(JOURNAL, None).await {
            Err(Error::NotFound(_)) => return Ok(None),
            content => content?,
        };
        let bytes = content.stream.try_collect::<Vec<Bytes>>().await?.concat();
        let journal = serde_json::from_slice(&bytes);
        journal.map(Some).map_err(|e| Error::Corrupt(format!("{}: {e}", self.name(JOURNAL))))
    }

    /// Replaces the journal, whole or not at all.
    async fn write_journal(&self, journal: &Journal) -> Result<(), Error> {
        let bytes = serde_json::to_vec(journal).expect("strings and numbers");
        if let Some(target) = self.path(JOURNAL)? {
            let written = tokio::task::spawn_blocking(move || {
                local::replace_with(&mut bytes.as_slice(), &target).map_err(|e| Error::file(&target, &e))
            });
            return written.await.expect("no panic");
        }
        let put = self.objects().put(&self.key(JOURNAL)?, PutPayload::from(bytes)).await;
        put.map(drop).map_err(|e| Error::store(&self.name(JOURNAL), &e))
    }
}

/// Where each file goes. What is not a bill's, a ledger or a claim is left alone.
fn plan(owners: &Owners, names: impl Iterator<Item = String>) -> Journal {
    let names: Vec<String> = names.collect();
    let mut customers = owners.customers.clone();
    // A deleted customer's bills have ledgers, and these are their run's.
    for name in &names {
        if let Some((run, customer)) = ledger(name)
            && let Some(partners) = owners.runs.get(&run)
        {
            customers.entry(customer).or_default().extend(partners);
        }
    }
    let (mut journal, mut groups) = (Journal::default(), BTreeMap::<usize, Vec<Move>>::new());
    for name in names {
        let (before, rest, partners) = if let Some(claimed) = name.strip_prefix(CLAIMS) {
            (CLAIMS, claimed, bill_of(claimed).map(|customer| customers.get(&customer)))
        } else if let Some(rest) = name.strip_prefix("_runs/") {
            let run = rest.split_once('/').and_then(|(run, _)| run.parse::<i64>().ok());
            ("_runs/", rest, run.map(|run| owners.runs.get(&run)))
        } else {
            ("", &*name, bill_of(&name).map(|customer| customers.get(&customer)))
        };
        let Some(partners) = partners else { continue };
        let mut partners = partners.into_iter().flatten();
        match (partners.next(), partners.next()) {
            (Some(partner), None) => {
                let to = format!("{before}{}/{rest}", partner_segment(*partner));
                // A folder p1 of the old layout leaves its place before another file comes there.
                let depth = rest.split('/').take_while(|part| key::is_partner_segment(part)).count();
                groups.entry(depth).or_default().push(Move { from: name, to });
            }
            _ => journal.unowned.push(name),
        }
    }
    for group in groups.values_mut() {
        group.sort_by_key(|step| step.from.ends_with(NAME));
    }
    journal.groups = groups.into_values().rev().collect();
    journal
}

/// The customer of the bill that a file lies in.
fn bill_of(name: &str) -> Option<i64> {
    Some(key::split(name.rsplit_once('/')?.0)?.customer_id)
}

/// The run and the customer of an old ledger: `_runs/7/ledgers/3947-USD-v1.….csv`.
fn ledger(name: &str) -> Option<(i64, i64)> {
    let (run, file) = name.strip_prefix("_runs/")?.split_once("/ledgers/")?;
    Some((run.parse().ok()?, file.split_once('-')?.0.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_goes_to_its_partner() {
        let of = |pairs: &[(i64, i64)]| {
            let mut owners = BTreeMap::<i64, BTreeSet<i64>>::new();
            pairs.iter().for_each(|(id, partner)| owners.entry(*id).or_default().extend([*partner]));
            owners
        };
        let owners = Owners { runs: of(&[(7, 1), (8, 2)]), customers: of(&[(1, 1), (5, 2), (6, 1), (6, 2)]) };
        let cases = [
            ("acme/2026-10/1/v1/bill.csv", Some("p1/acme/2026-10/1/v1/bill.csv")),
            ("2026-10/1/v1/bill.csv", Some("p1/2026-10/1/v1/bill.csv")),
            ("p1/2026-10/1/v1/bill.csv", Some("p1/p1/2026-10/1/v1/bill.csv")),
            ("acme/2026-10/1/v2/2026-10/5/v1/bill.csv", Some("p2/acme/2026-10/1/v2/2026-10/5/v1/bill.csv")),
            ("_runs/7/ledgers/1-USD-v1.1-ab.csv", Some("_runs/p1/7/ledgers/1-USD-v1.1-ab.csv")),
            // Of a customer that was deleted: its run tells.
            ("_runs/8/ledgers/9-USD-v1.1-ab.csv", Some("_runs/p2/8/ledgers/9-USD-v1.1-ab.csv")),
            ("gone/2026-10/9/v1/manifest.json", Some("p2/gone/2026-10/9/v1/manifest.json")),
            (
                "_runs/claims/acme/2026-10/1/v1/manifest.json",
                Some("_runs/claims/p1/acme/2026-10/1/v1/manifest.json"),
            ),
            // Nobody's, and two partners'.
            ("acme/2026-10/4/v1/bill.csv", None),
            ("acme/2026-10/6/v1/bill.csv", None),
            ("_runs/9/ledgers/1-USD-v1.csv", None),
        ];
        let others = ["readme.txt", "acme/2026-10/1/notes.txt", "_runs/move.json"].map(str::to_owned);
        let names = cases.iter().map(|(from, _)| (*from).to_owned()).chain(others);
        let journal = plan(&owners, names);
        for (from, to) in cases {
            let planned = journal.groups.iter().flatten().find(|step| step.from == from);
            assert_eq!(planned.map(|step| &*step.to), to, "{from}");
            assert_eq!(journal.unowned.iter().any(|name| name == from), to.is_none(), "{from}");
        }
        assert_eq!(journal.groups.iter().flatten().count() + journal.unowned.len(), cases.len());
        // What stands in another one's way goes first.
        assert_eq!(journal.groups[0][0].from, "p1/2026-10/1/v1/bill.csv");
        assert_eq!(journal.groups.len(), 2);
    }
}
