//! The commands as a user gives them.

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod messages;
mod messy_folder;
mod own_pictures;
mod stages;
mod web;
