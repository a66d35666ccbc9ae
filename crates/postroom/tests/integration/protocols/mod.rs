//! What each listener answers.

mod board;
mod chat;
mod control_characters;
mod habits;
mod http;
mod im;
mod presence;
mod race;
mod reading;
mod transcripts;
