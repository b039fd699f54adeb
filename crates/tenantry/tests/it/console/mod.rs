//! The console, as a browser without JavaScript sees it.

mod browser;
mod ends;
mod forms;
mod matrix;
mod pages;

use browser::Browser;
