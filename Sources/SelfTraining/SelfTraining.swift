// SelfTraining
