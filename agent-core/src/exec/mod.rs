//! One command at a time: account, limits, output, deadline.
