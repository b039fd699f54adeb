//! The console, as a browser without JavaScript sees it.

mod billing;
mod browser;
mod customers;
mod directory;
mod ends;
mod forms;
mod matrix;
mod pages;
mod portal;
mod single_sign_on;
mod trail;
mod users;

use browser::Browser;
