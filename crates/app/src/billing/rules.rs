//! Price rules as a partner makes, reads, changes and removes them.

use crate::access::Call;
use crate::audit::Entry;
use crate::billing::record::RuleRecord;
use crate::billing::runs::internal;
use crate::boxed;
use crate::change::{Created, Done, WriteBody};
use crate::paging::Paging;
use crate::permissions::Permission;
use crate::{App, Error, IfMatch};
use domain::json::Json;
use domain::version::Nonce;
use domain::{PartnerId, Violation};
use jiff::Timestamp;
use rating::{NewPriceRule, PriceRule};
use store::price_rules::{self, PriceRuleRow};
use store::{Tx, customers};

/// The most rules of a partner: every line of an invoice is held against them.
const MOST: i64 = 10_000;

/// A price rule, with the times of its creation and of its last change.
#[derive(Clone, Debug)]
pub struct RuleView {
    rule: PriceRule,
    row: PriceRuleRow,
}

impl RuleView {
    fn of(row: PriceRuleRow) -> Result<Self, Error> {
        Ok(RuleView { rule: read(&row)?, row })
    }

    /// What names its version, such as `7-1`.
    pub fn version(&self) -> String {
        format!("{}-{}", self.row.id, self.row.version)
    }

    /// The rule itself.
    pub fn rule(&self) -> &PriceRule {
        &self.rule
    }

    /// The times of its creation and of its last change.
    pub fn times(&self) -> [Timestamp; 2] {
        [self.row.created_at, self.row.updated_at]
    }
}

/// The rule in a row.
pub(super) fn read(row: &PriceRuleRow) -> Result<PriceRule, Error> {
    let impossible = |why: String| Error::Internal(format!("price rule {}: {why}", row.id));
    let json = Json::parse(row.rule.as_bytes()).map_err(|e| impossible(e.to_string()))?;
    let details = NewPriceRule::parse(&json).map_err(|e| impossible(e.to_string()))?;
    Ok(PriceRule { id: row.id, details: NewPriceRule { position: row.position, ..details } })
}

/// What is kept of it; id and position are columns.
fn written(details: &NewPriceRule) -> Result<String, Error> {
    serde_json::to_string(&PriceRule { id: 0, details: details.clone() }).map_err(internal)
}

/// A rule for a customer that is not there would never match, and nobody would notice.
pub(super) async fn check_customer(
    tx: &mut Tx,
    partner: PartnerId,
    details: &NewPriceRule,
) -> Result<(), Error> {
    let Some(id) = details.customer_id else { return Ok(()) };
    match customers::get(tx, partner, domain::CustomerId(id)).await? {
        Some(_) => Ok(()),
        None => Err(Error::Invalid(Violation::new("/customer_id", "invalid", "is no customer's id").into())),
    }
}

/// What the transaction of a create needs.
struct Creation {
    partner: PartnerId,
    details: NewPriceRule,
    /// The payload says at which position.
    placed: bool,
    /// Makes the version unguessable.
    random: Nonce,
    now: Timestamp,
    write: WriteBody<RuleView>,
}

/// What the transaction of a change needs.
struct Update {
    partner: PartnerId,
    id: i64,
    body: Json,
    if_match: IfMatch,
    /// Makes the new version unguessable.
    random: Nonce,
    now: Timestamp,
}

impl App {
    /// Make a price rule, behind all others unless it names a position; or answer again what was answered when it was
    /// made.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Invalid`] with every violation; [`Error::KeyReused`], [`Error::StillRunning`];
    /// [`Error`] of the store.
    #[boxed]
    pub async fn create_price_rule(
        &self,
        call: &Call,
        body: &Json,
        write: WriteBody<RuleView>,
    ) -> Result<Created, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let _entered = self.enter(call)?;
        let details = NewPriceRule::parse(body).map_err(Error::Invalid)?;
        let placed = body.get("position").is_some_and(|position| !position.is_blank());
        let (random, now) = (self.random.nonce()?, self.clock.now());
        let input = Creation { partner: call.partner(), details, placed, random, now, write };
        grant
            .make(input, |input, tx| {
                let Creation { partner, details, placed, random, now, write } = input;
                Box::pin(async move {
                    check_customer(tx, *partner, details).await?;
                    if price_rules::list(tx, *partner, 0, 0).await?.1 >= MOST {
                        let said = format!("has {MOST} price rules already, the most there can be");
                        return Err(Error::Invalid(Violation::new("", "too_many", said).into()));
                    }
                    let position = placed.then_some(details.position);
                    let text = written(details)?;
                    let row = price_rules::insert(tx, *partner, position, &text, *random, *now).await?;
                    let view = RuleView::of(row)?;
                    let (object, version) = (object(view.row.id), view.version());
                    let href = Some(format!("/v1/{object}"));
                    let entry = Entry::new("price_rule.create", object).after(&RuleRecord::from(&view));
                    let created = Created::new(view, *write, href)?.with_version(version);
                    Ok(Done { value: created, entry: Some(entry) })
                })
            })
            .await
    }

    /// Read a price rule.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error`] of the store.
    #[boxed]
    pub async fn price_rule(&self, call: &Call, id: i64) -> Result<RuleView, Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let found: Option<PriceRuleRow> = grant
            .look_up((call.partner(), id), |(partner, id), tx| {
                Box::pin(async move { Ok::<_, Error>(price_rules::get(tx, *partner, *id).await?) })
            })
            .await?;
        RuleView::of(found.ok_or(Error::NotFound)?)
    }

    /// List price rules in the order in which they are tried, and how many there are in all.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error`] of the store.
    #[boxed]
    pub async fn price_rules(&self, call: &Call, paging: Paging) -> Result<(Vec<RuleView>, i64), Error> {
        let grant = self.require(call, Permission::SeeCosts).await?;
        let (rows, total): (Vec<PriceRuleRow>, i64) = grant
            .list((call.partner(), paging), |(partner, paging), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(price_rules::list(tx, *partner, paging.skip(), paging.per_page).await?)
                })
            })
            .await?;
        Ok((rows.into_iter().map(RuleView::of).collect::<Result<_, _>>()?, total))
    }

    /// Change what `body` names of a price rule, and nothing else.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::PreconditionFailed`]; [`Error::Invalid`] with every
    /// violation; [`Error`] of the store.
    #[boxed]
    pub async fn update_price_rule(
        &self,
        call: &Call,
        id: i64,
        body: Json,
        if_match: IfMatch,
    ) -> Result<RuleView, Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let (random, now) = (self.random.nonce()?, self.clock.now());
        grant
            .change(Update { partner: call.partner(), id, body, if_match, random, now }, |input, tx| {
                let Update { partner, id, body, if_match, random, now } = input;
                Box::pin(async move {
                    let row = price_rules::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    if_match.allows(row.id, row.version)?;
                    let before = RuleView::of(row)?;
                    let details = before.rule.patched(body).map_err(Error::Invalid)?;
                    if details == before.rule.details {
                        return Ok(Done { value: before, entry: None });
                    }
                    if details.customer_id != before.rule.details.customer_id {
                        check_customer(tx, *partner, &details).await?;
                    }
                    let (position, text) = (details.position, written(&details)?);
                    let row = price_rules::update(tx, *partner, &before.row, position, &text, *random, *now)
                        .await?;
                    let after = RuleView::of(row)?;
                    let [old, new] = [&before, &after].map(RuleRecord::from);
                    let entry = Entry::new("price_rule.update", object(*id)).before(&old).after(&new);
                    Ok(Done { value: after, entry: Some(entry) })
                })
            })
            .await
    }

    /// Remove a price rule. Bills that it has priced stay as they are.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`]; [`Error::PreconditionFailed`]; [`Error`] of the store.
    #[boxed]
    pub async fn delete_price_rule(&self, call: &Call, id: i64, if_match: IfMatch) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        grant
            .change((call.partner(), id, if_match), |(partner, id, if_match), tx| {
                Box::pin(async move {
                    let row = price_rules::get(tx, *partner, *id).await?.ok_or(Error::NotFound)?;
                    if_match.allows(row.id, row.version)?;
                    let before = RuleView::of(row)?;
                    price_rules::delete(tx, *partner, *id, before.row.version).await?;
                    let entry =
                        Entry::new("price_rule.delete", object(*id)).before(&RuleRecord::from(&before));
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }
}

pub(super) fn object(id: i64) -> String {
    format!("price_rules/{id}")
}
