"""Control: pause, resume, cancel, retry, and the announcements to running turns."""
