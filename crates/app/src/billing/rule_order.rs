//! The order of price rules: one rule moves past its neighbour.

use super::rules::object;
use crate::access::Call;
use crate::audit::Entry;
use crate::change::Done;
use crate::permissions::Permission;
use crate::{App, Error};
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;
use store::price_rules::{self, PriceRuleRow, STEP};

/// Where a rule moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Before the rule that was tried before it.
    Up,
    /// Behind the rule that was tried after it.
    Down,
}

/// A rule and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Place {
    id: i64,
    position: i64,
}

impl App {
    /// Moves a price rule past its neighbour. The first rule stays where it is when it moves up, the last when it moves down.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn move_price_rule(&self, call: &Call, id: i64, direction: Direction) -> Result<(), Error> {
        let grant = self.require(call, Permission::ManageBilling).await?;
        let input = (call.partner(), id, direction, self.random.nonce()?, self.clock.now());
        grant
            .change(input, |(partner, id, direction, random, now), tx| {
                Box::pin(async move {
                    let rows = price_rules::list(tx, *partner, 0, i64::MAX).await?.0;
                    let places: Vec<Place> =
                        rows.iter().map(|row| Place { id: row.id, position: row.position }).collect();
                    let changed = moved(&places, *id, *direction).ok_or(Error::NotFound)?;
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

/// The rules that get another position when one of them moves past its neighbour; `None` if it is not among them. `rules` are in
/// their order. The two exchange their positions; where several rules have the same one, that may not be enough, and then all
/// get new numbers.
fn moved(rules: &[Place], id: i64, direction: Direction) -> Option<Vec<Place>> {
    let from = rules.iter().position(|rule| rule.id == id)?;
    let to = match direction {
        Direction::Up => from.checked_sub(1),
        Direction::Down => Some(from + 1).filter(|to| *to < rules.len()),
    };
    let Some(to) = to else { return Some(Vec::new()) };
    let mut wanted = rules.to_vec();
    wanted.swap(from, to);
    let mut exchanged = wanted.clone();
    (exchanged[from].position, exchanged[to].position) = (wanted[to].position, wanted[from].position);
    let is_ordered = exchanged.is_sorted_by_key(|rule| (rule.position, rule.id));
    let after = match is_ordered {
        true => exchanged,
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
    fn a_rule_moves_past_its_neighbour() {
        use Direction::{Down, Up};
        for (before, id, direction, changed, order) in [
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
        ] {
            let rules_before = rules(before);
            let found = moved(&rules_before, id, direction).unwrap();
            assert_eq!(found, rules(changed), "{before}: {id} {direction:?}");
            let mut after = rules_before;
            for rule in &mut after {
                if let Some(now) = found.iter().find(|now| now.id == rule.id) {
                    *rule = *now;
                }
            }
            after.sort_by_key(|rule| (rule.position, rule.id));
            let ids: Vec<String> = after.iter().map(|rule| rule.id.to_string()).collect();
            assert_eq!(ids.join(" "), order, "{before}: {id} {direction:?}");
        }
        assert_eq!(moved(&rules("1@10"), 2, Up), None);
    }
}
