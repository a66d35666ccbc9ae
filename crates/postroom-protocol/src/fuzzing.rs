//! The parsers below the sessions, for the fuzz targets: what each makes of an input that
//! comes in parts.

pub use crate::chat::telnet::without_telnet;
pub use crate::im::delivery_receipt::receipts;
pub use crate::line::lines;
