//! Who is asking, and may they? Decided here, at every request, and nowhere else.

use crate::{App, Error, keys};
use domain::{PartnerId, UserId};

/// Somebody who showed a live key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The partner whose data this is about; nobody ever reaches another's.
    pub partner: PartnerId,
    /// The user.
    pub user: UserId,
}

impl App {
    /// Find out whose key this is.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for an unknown, rotated or revoked key, and for one of a suspended partner.
    pub async fn authenticate(&self, presented: &str) -> Result<Actor, Error> {
        let id = keys::key_id(presented);
        let owner = self
            .db
            .read(store::Scope::System, id, |id, tx| Box::pin(store::users::find_key(tx, id)))
            .await
            .map_err(Error::from)?;
        // An unknown id costs the same digest and comparison as a wrong secret.
        let kept = owner.as_ref().map_or("", |owner| owner.hash.as_str());
        let proven = keys::proves(presented, kept);
        match owner {
            Some(owner) if proven && !owner.partner_suspended => {
                Ok(Actor { partner: owner.partner, user: owner.user })
            }
            _ => Err(Error::Unauthorized),
        }
    }
}
