//! Lists of audit events for a partner's admin.

use crate::access::Call;
use crate::boxed;
use crate::paging::{self, Paging, Query, whole_number};
use crate::permissions::Permission;
use crate::{App, Error};
use domain::Violation;
use jiff::Timestamp;
use serde_json::Value;
use store::audit::{self, Event, Filter};

/// The page size and the filters of a list of events.
#[derive(Clone, Debug)]
pub struct EventSearch {
    filter: Filter,
    /// The number of events on a page, 1 to 100.
    pub per_page: i64,
}

/// An audit event in a response.
#[derive(Debug)]
pub struct EventView {
    /// Shard and place in its chain, such as `0-17`.
    pub id: String,
    /// RFC 3339.
    pub at: String,
    /// The user; `None` for the server itself.
    pub user_id: Option<i64>,
    /// The user's key.
    pub key_id: Option<String>,
    /// What was done, such as `customer.update`.
    pub action: String,
    /// What it was done to, such as `customers/7`.
    pub object: String,
    /// The object before.
    pub before: Option<Value>,
    /// The object after.
    pub after: Option<Value>,
    /// Why, where there is a reason.
    pub reason: Option<String>,
    /// The client's address.
    pub origin: String,
    /// The request, as in the log.
    pub request_id: String,
}

impl EventSearch {
    /// Parses a query string. Blank parameters count as absent.
    ///
    /// # Errors
    /// [`Error::Parameters`] with every invalid parameter, as `/name`.
    pub fn parse(query: &Query) -> Result<Self, Error> {
        const PARAMETERS: [&str; 6] = ["action", "object", "user_id", "since", "until", "cursor"];
        let mut search = EventSearch { filter: Filter::default(), per_page: Paging::default().per_page };
        paging::read(query, &PARAMETERS, |name, value| search.take(name, value))?;
        Ok(search)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Violation> {
        let time = |value| paging::time(value).map(|time| Some(time.as_second()));
        let mut paging = Paging { page: 1, per_page: self.per_page };
        match name {
            _ if paging.take(name, value)? && paging.page > 1 => {
                return Err(domain::text::invalid(
                    "must be left out: the next page is behind the Link header's rel=\"next\"",
                ));
            }
            "page" => {}
            "per_page" => self.per_page = paging.per_page,
            "action" => self.filter.action = Some(value.to_owned()),
            "object" => self.filter.object = Some(value.to_owned()),
            "user_id" => self.filter.user = Some(whole_number(value, 0)?),
            "since" => self.filter.since = time(value)?,
            "until" => self.filter.until = time(value)?,
            "cursor" => self.filter.after = Some(parse_cursor(value)?),
            _ => {}
        }
        Ok(())
    }
}

/// The cursor of the page that follows this event.
fn cursor(event: &Event) -> String {
    format!("{}.{}.{}.{}", event.at, event.id, event.shard, event.seq)
}

fn parse_cursor(value: &str) -> Result<[i64; 4], Violation> {
    let parts: Option<Vec<i64>> = value.split('.').map(|part| part.parse().ok()).collect();
    parts.and_then(|parts| parts.try_into().ok()).ok_or_else(paging::wrong_cursor)
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let json = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        EventView {
            id: format!("{}-{}", event.shard, event.seq),
            at: Timestamp::from_second(event.at).map_or(String::new(), |at| at.to_string()),
            user_id: event.user,
            key_id: event.key_id,
            action: event.action,
            object: event.object,
            before: json(event.before),
            after: json(event.after),
            reason: event.reason,
            origin: event.origin,
            request_id: event.request_id,
        }
    }
}

impl App {
    /// A page of the partner's audit events, oldest first, and the cursor of the next page if one follows.
    #[boxed]
    pub async fn events(
        &self,
        call: &Call,
        search: EventSearch,
    ) -> Result<(Vec<EventView>, Option<String>), Error> {
        let grant = self.require(call, Permission::ReadAudit).await?;
        let limit = search.per_page;
        let mut found: Vec<Event> = grant
            .list((call.partner(), search), |(partner, search), tx| {
                Box::pin(async move {
                    Ok::<_, Error>(audit::list(tx, *partner, &search.filter, search.per_page + 1).await?)
                })
            })
            .await?;
        let more = found.len() as i64 > limit;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(cursor);
        Ok((found.into_iter().map(EventView::from).collect(), next))
    }
}
