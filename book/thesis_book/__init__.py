"""What the pages of the book are made of: tables, figures and sentences, drawn from records."""
