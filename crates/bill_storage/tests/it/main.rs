//! Bills in folders, in an S3 of this process that can be told to fail, and in stores of other makes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;
mod drafts;
mod exports;
mod faults;
mod folders;
mod index;
mod kill;
mod layout;
mod other_makes;
mod relocate;
mod roots;
mod s3;
mod sources;
mod verify;
mod versions;
