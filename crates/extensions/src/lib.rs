//! One extension of the protocol, one file.
