//! Clients that send too much, too little, the wrong thing or nothing.

mod bad_input;
mod crowd;
mod cut;
mod descriptors;
mod full_tables;
mod logins;
mod peers;
mod proxied;
mod strangers;
mod time_limits;
