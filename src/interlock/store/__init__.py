"""Content-addressed artifacts; formats that turn Python values into bytes and back."""
