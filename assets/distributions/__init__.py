"""The stage `distributions`: statistics of each day's bars and factors, and their distances from the sixty trading days before."""
