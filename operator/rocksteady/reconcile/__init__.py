"""Where reading, deciding and writing meet: observe -> decide -> render -> apply -> report."""
