//! What the store's own tests have: raw SQL, and PostgreSQL clusters of one's own.

#[path = "../../../store/tests/it/cluster.rs"]
pub(crate) mod cluster;
#[path = "../../../store/tests/it/support.rs"]
pub(crate) mod support;
