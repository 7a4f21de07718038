"""Files of other kinds → their text: one module for each kind, one library in each."""
