//! Bytes to elements and stream events, and back.
