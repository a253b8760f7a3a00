//! Who is home where, and how to reach them.
