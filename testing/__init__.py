"""What tests share: real git repositories, real databases, commands as processes of their own."""
