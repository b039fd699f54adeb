//! Verifying the audit trail.

use super::time;
use app::{PartnerAnchor, TrailCheck, TrailFault};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// Which part of the trail is verified.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct VerificationParameters {
    /// Begins behind this event, as `next` of the part before says it; by default at the first.
    #[param(example = "0-50000", pattern = "^[0-9]+-[0-9]+$")]
    after: Option<String>,
}

/// What verifying the audit trail, or a part of it, found.
#[derive(ToSchema, Serialize)]
pub(crate) struct AuditVerification {
    /// Whether nothing is wrong with what was looked at.
    verified: bool,
    /// The number of events before those that were looked at.
    before: u64,
    /// The number of events that were looked at, at most 50,000.
    events: u64,
    /// The number of all events.
    total: u64,
    /// The number of those looked at that tell less of a person than they did, as they were told to.
    erased: u64,
    /// The last event of each shard that was looked at.
    #[schema(example = json!(["0-93"]))]
    last_event_ids: Vec<String>,
    /// Whether users, their roles and their keys were compared with the trail, which takes all of it in one part.
    users_compared: bool,
    /// What is wrong, except with anchors.
    problems: Vec<TrailProblem>,
    /// What the anchors say that the server keeps outside of the database.
    anchors: Vec<AnchorVerification>,
    /// `after` of the part that follows.
    #[schema(nullable = false, example = "0-50000")]
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Something that is wrong with the audit trail.
#[derive(ToSchema, Serialize)]
pub(crate) struct TrailProblem {
    /// The event at which it shows.
    #[schema(nullable = false, example = "0-17")]
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// What is wrong, in a sentence.
    #[schema(example = "shard 0, event 17: is not what was written there")]
    message: String,
}

/// What an anchor says of the partner's events.
#[derive(ToSchema, Serialize)]
pub(crate) struct AnchorVerification {
    state: AnchorState,
    /// When it was written; absent if that is not known.
    #[schema(nullable = false, format = "date-time")]
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// What differs, each in a sentence.
    problems: Vec<String>,
}

/// Whether the database has all that an anchor tells of.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AnchorState {
    /// It has.
    Agrees,
    /// Events are missing, or others than they were; or the anchor itself was changed.
    Differs,
    /// The anchor is not there, or cannot be read now.
    Unreadable,
}

impl From<TrailCheck> for AuditVerification {
    fn from(check: TrailCheck) -> Self {
        let is_sound = check.is_sound();
        let TrailCheck { before, events, total, erased, last, faults, next, has_compared_users, anchors } =
            check;
        AuditVerification {
            verified: is_sound,
            before,
            events,
            total,
            erased,
            last_event_ids: last,
            users_compared: has_compared_users,
            problems: faults.iter().map(TrailProblem::from).collect(),
            anchors: anchors.into_iter().map(AnchorVerification::from).collect(),
            next,
        }
    }
}

impl From<&TrailFault> for TrailProblem {
    fn from(fault: &TrailFault) -> Self {
        TrailProblem { event_id: fault.event_id(), message: fault.to_string() }
    }
}

impl From<PartnerAnchor> for AnchorVerification {
    fn from(anchor: PartnerAnchor) -> Self {
        let (state, at, problems) = match anchor {
            PartnerAnchor::Agrees(at) => (AnchorState::Agrees, Some(at), Vec::new()),
            PartnerAnchor::Differs { at, problems } => (AnchorState::Differs, at, problems),
            PartnerAnchor::Unreadable => (AnchorState::Unreadable, None, Vec::new()),
        };
        AnchorVerification { state, at: at.map(time), problems }
    }
}
