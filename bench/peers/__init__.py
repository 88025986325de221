"""What people would write instead of this program, each a program of its own, compared in pairs with it."""
