//! Postroom at its outer edge: the program itself, real sockets, real signals,
//! real disks.

mod support;
