"""What the processes of an installation measure. The core counts; a host exports."""
