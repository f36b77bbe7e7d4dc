// For libraries that are made of other libraries, or of nothing.
