//! The order of price rules: one rule moves past its neighbour, or to another place.

use super::rules::object;
use crate::access::Call;
use crate::audit::Entry;
use crate::boxed;
use crate::change::Done;
use crate::permissions::Permission;
use crate::{App, Error};
use domain::PartnerId;
use domain::version::Nonce;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;
use store::price_rules::{self, PriceRuleRow, STEP};

/// Where a rule moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleMove {
    /// Before the rule that was tried before it.
    Up,
    /// Behind the rule that was tried after it.
    Down,
    /// Before the rule with this id.
    Before(i64),
    /// Behind the rule with this id.
    Behind(i64),
}

/// A rule and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Place {
    id: i64,
    position: i64,
}

/// What the transaction of a move needs.
struct MoveInput {
    partner: PartnerId,
    id: i64,
    to: RuleMove,
    /// Makes the new version unguessable.
    random: Nonce,
    now: Timestamp,
}

impl App {
    /// Moves a price rule. The first rule stays where it is when it moves up, the last when it moves down.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for the rule that it moves to.
    #[boxed]
    pub async fn move_price_rule(&self, call: &Call, id: i64, to: RuleMove) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let (random, now) = (self.random.nonce()?, self.clock.now());
        grant
            .change(MoveInput { partner: call.partner(), id, to, random, now }, |input, tx| {
                let MoveInput { partner, id, to, random, now } = input;
                Box::pin(async move {
                    let rows = price_rules::list(tx, *partner, 0, i64::MAX).await?.0;
                    let places: Vec<Place> =
                        rows.iter().map(|row| Place { id: row.id, position: row.position }).collect();
                    let changed = moved(&places, *id, *to).ok_or(Error::NotFound)?;
                    if changed.is_empty() {
                        return Ok(Done { value: (), entry: None });
                    }
                    let rows: HashMap<i64, PriceRuleRow> =
                        rows.into_iter().map(|row| (row.id, row)).collect();
                    let mut before = Vec::with_capacity(changed.len());
                    for Place { id, position } in &changed {
                        let row = rows.get(id).ok_or(Error::NotFound)?;
                        before.push(Place { id: *id, position: row.position });
                        price_rules::update(tx, *partner, row, *position, &row.rule, *random, *now).await?;
                    }
                    let entry = Entry::new("price_rule.move", object(*id))
                        .before(&json!({ "positions": before }))
                        .after(&json!({ "positions": changed }));
                    Ok(Done { value: (), entry: Some(entry) })
                })
            })
            .await
    }
}

/// The rules that get another position when one of them moves; `None` if it, or the rule it moves to, is not among them. `rules`
/// are in their order. Their positions stay, each held by the rule that is there then; where several rules have the same one,
/// that may not be enough, and then all get new numbers.
fn moved(rules: &[Place], id: i64, to: RuleMove) -> Option<Vec<Place>> {
    let place = |id: i64| rules.iter().position(|rule| rule.id == id);
    let from = place(id)?;
    let to = match to {
        RuleMove::Up => from.saturating_sub(1),
        RuleMove::Down => (from + 1).min(rules.len() - 1),
        // The rules behind it move up when it leaves.
        RuleMove::Before(other) => place(other).map(|other| other - usize::from(other > from))?,
        RuleMove::Behind(other) => place(other).map(|other| other + usize::from(other < from))?,
    };
    let mut wanted = rules.to_vec();
    let rule = wanted.remove(from);
    wanted.insert(to, rule);
    let kept = wanted.iter().zip(rules).map(|(rule, there)| Place { position: there.position, ..*rule });
    let kept: Vec<Place> = kept.collect();
    let after = match kept.is_sorted_by_key(|rule| (rule.position, rule.id)) {
        true => kept,
        false => (1..).zip(&wanted).map(|(n, rule)| Place { position: n * STEP, ..*rule }).collect(),
    };
    let before: HashMap<i64, i64> = rules.iter().map(|rule| (rule.id, rule.position)).collect();
    Some(after.into_iter().filter(|rule| before.get(&rule.id) != Some(&rule.position)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules as `id@position`.
    fn rules(text: &str) -> Vec<Place> {
        let rule = |rule: &str| {
            let (id, position) = rule.split_once('@').unwrap();
            Place { id: id.parse().unwrap(), position: position.parse().unwrap() }
        };
        text.split_whitespace().map(rule).collect()
    }

    #[test]
    fn a_rule_moves_to_another_place() {
        use RuleMove::{Before, Behind, Down, Up};
        for (before, id, to, changed, order) in [
            ("1@10 2@20 3@30", 2, Up, "2@10 1@20", "2 1 3"),
            ("1@10 2@20 3@30", 2, Down, "3@20 2@30", "1 3 2"),
            ("1@10 2@20", 1, Up, "", "1 2"),
            ("1@10 2@20", 2, Down, "", "1 2"),
            // Equal positions are ordered by id, so exchanging them changes nothing.
            ("1@5 2@5 3@9", 2, Up, "2@10 1@20 3@30", "2 1 3"),
            ("1@5 2@5 3@9", 2, Down, "3@5 2@9", "1 3 2"),
            // Exchanged, the rule would move past two.
            ("7@5 8@5 2@10", 2, Up, "7@10 2@20 8@30", "7 2 8"),
            ("1@0 2@0", 1, Down, "2@10 1@20", "2 1"),
            ("1@10 2@20 3@30 4@40", 4, Before(1), "4@10 1@20 2@30 3@40", "4 1 2 3"),
            ("1@10 2@20 3@30 4@40", 1, Before(4), "2@10 3@20 1@30", "2 3 1 4"),
            ("1@10 2@20 3@30 4@40", 1, Behind(3), "2@10 3@20 1@30", "2 3 1 4"),
            ("1@10 2@20 3@30 4@40", 4, Behind(1), "4@20 2@30 3@40", "1 4 2 3"),
            ("1@10 2@20 3@30", 2, Before(3), "", "1 2 3"),
            ("1@10 2@20 3@30", 2, Behind(2), "", "1 2 3"),
            ("1@5 2@5 3@9", 3, Before(2), "3@5 2@9", "1 3 2"),
            ("1@5 2@5 3@9", 3, Before(1), "3@10 1@20 2@30", "3 1 2"),
        ] {
            let rules_before = rules(before);
            let found = moved(&rules_before, id, to).unwrap();
            assert_eq!(found, rules(changed), "{before}: {id} {to:?}");
            let mut after = rules_before;
            for rule in &mut after {
                if let Some(now) = found.iter().find(|now| now.id == rule.id) {
                    *rule = *now;
                }
            }
            after.sort_by_key(|rule| (rule.position, rule.id));
            let ids: Vec<String> = after.iter().map(|rule| rule.id.to_string()).collect();
            assert_eq!(ids.join(" "), order, "{before}: {id} {to:?}");
        }
        assert_eq!(moved(&rules("1@10"), 2, Up), None);
        assert_eq!(moved(&rules("1@10"), 1, Before(2)), None);
    }
}
